export { version as videoRftVersion } from "../../../package.json";
