import { randomUUID } from "node:crypto";

const id = randomUUID();
export const getDeviceId = async () => id;
