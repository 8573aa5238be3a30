// The licences of the packages that are part of the VSIX.
import fs from "node:fs";
import path from "node:path";
import { root } from "./tools.mjs";

const rule = "-".repeat(100);

/** One text: name, version, licence, source and licence text of each package. */
export function thirdPartyNotices(names) {
  const notices = names.map((name) => {
    const dir = path.join(root, "node_modules", name);
    const { version, license, repository, homepage } = JSON.parse(
      fs.readFileSync(path.join(dir, "package.json"), "utf8"),
    );
    const source = (typeof repository === "string" ? repository : repository?.url) ?? homepage ?? "";
    const file = fs.readdirSync(dir).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? "" : `\n\n${fs.readFileSync(path.join(dir, file), "utf8").trim()}`;
    return `${name} ${version}\nLicence: ${license}\nSource: ${source.replace(/^git\+/, "")}${text}`;
  });
  return [
    "Video RFT contains the following packages, unchanged except for bundling.",
    ...notices.map((notice) => `${rule}\n${notice}`),
  ].join("\n\n");
}
