export const rolloutScheme = "rft";

/**
 * `rft:/run/12/3/5`: a rollout as terminals, logs and answers of language models name it. `run`: name of the run's folder;
 * `id`: "<step>/<group>/<k>".
 */
export function rolloutLink(run: string, id: string): string {
  return `${rolloutScheme}:/${encodeURIComponent(run)}/${id}`;
}
