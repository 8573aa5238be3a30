/** The one way to the extension host. Pages never call `acquireVsCodeApi` themselves, so that tests can stand in for it. */
export interface Host<Incoming, Outgoing> {
  post(message: Outgoing): void;
  onDidReceive(listener: (message: Incoming) => void): void;
  /** What `saveState` kept, also after the document was thrown away; of unknown shape, since an older page may have written it. */
  loadState(): unknown;
  /** A small navigation snapshot; resources stay with the host. */
  saveState(state: unknown): void;
}

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

export function acquireHost<Incoming, Outgoing>(): Host<Incoming, Outgoing> {
  const api = acquireVsCodeApi();
  return {
    post: (message) => api.postMessage(message),
    onDidReceive: (listener) =>
      window.addEventListener("message", (event: MessageEvent<unknown>) => {
        // SAFETY: only the extension host can post to a webview, and src/protocol/view.ts types what it posts.
        listener(event.data as Incoming);
      }),
    loadState: () => api.getState() ?? null,
    saveState: (state) => api.setState(state),
  };
}
