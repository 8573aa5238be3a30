import fs from "node:fs";

export const constants = fs.constants;
export const isCloneSupported = () => false;
export const copyFileSync = fs.copyFileSync;
export const copyFile = fs.promises.copyFile;
export const cp = fs.promises.cp;
