/** What the backend's program is asked beside serving a run: it prints JSON and ends. */

/** The providers of this machine: `ProvidersInfo`. */
export const probeArgument = "--probe";
/** Followed by the name of a provider: what came of trying it, `Finding`. */
export const tryArgument = "--try=";
