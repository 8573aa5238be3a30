import path from "node:path";
import { notify, onRequest, type RpcCancellationToken, type RpcConnection } from "../../protocol/connection.ts";
import { findExamples } from "../../protocol/dataMessages.ts";
import { UserError, formatError } from "../../protocol/errors.ts";
import {
  checkSpec,
  fetchFfmpeg as fetchFfmpegRequest,
  importRollouts as importRequest,
  initializeService,
  type InitializeParams,
  listRuns as listRunsRequest,
  makeEvaluationReport,
  openFrames,
  openIndex,
  pingService,
  protocolVersion,
  readGroups,
  readRun,
  readStep,
  readTimings as readTimingsRequest,
  readTokenTexts,
  resumeRunProcess,
  runDoctor,
  searchFound,
  searchRollouts as searchRequest,
  serviceLog,
  serviceProgress,
  shutdownService,
  startRunProcess,
  writeSample,
} from "../../protocol/messages.ts";
import { importRollouts } from "../imports/importRun.ts";
import { makeReport } from "../report/makeReport.ts";
import { listRuns, readRunDetails, readTimings } from "../store/readRun.ts";
import { openIndexFile } from "../store/rolloutIndex.ts";
import { openRollouts } from "../store/rollouts.ts";
import { locateFfmpeg } from "../video/ffmpeg.ts";
import { resolveCacheDir } from "../video/frameStore.ts";
import { serveChat } from "./chatService.ts";
import { checkSpecText } from "./checkSpec.ts";
import { runChecks } from "./doctor.ts";
import { fetchFfmpeg } from "./fetchFfmpeg.ts";
import { openGroupFrames } from "./groupFrames.ts";
import { resumeRun, startRun, type EngineSettings } from "./launcher.ts";
import { findPlacedExamples } from "./placedExamples.ts";
import { readPlaces, readTokenDetails, searchRollouts, type SearchParams } from "./rolloutQueries.ts";
import { signalOf } from "./rpc.ts";
import { serveDiagnostics } from "./diagnosticService.ts";
import { serveRewards } from "./rewardService.ts";
import { writeSampleWorkspace } from "./sampleWorkspace.ts";
import { videoRftVersion } from "./version.ts";

export interface ServiceOptions {
  readonly engineDir: string;
  /** Called before the answer to the request is sent. */
  readonly onShutdown: () => void;
}

/** Answers every request of the extension. The first is initialize; the others are refused before it. */
export function serveExtension(connection: RpcConnection, options: ServiceOptions): void {
  const service = new Service(connection, options);
  onRequest(connection, initializeService, (params) => service.initialize(params));
  onRequest(connection, pingService, ({ sentAtMs }) => ({ sentAtMs }));
  onRequest(connection, shutdownService, () => {
    options.onShutdown();
    return {};
  });
  onRequest(connection, startRunProcess, async (params) => {
    const { runDir, runId } = await startRun({ settings: service.settings, ...params });
    return { runDir, runId };
  });
  onRequest(connection, resumeRunProcess, async (params) => {
    const { runDir, runId } = await resumeRun({ settings: service.settings, ...params });
    return { runDir, runId };
  });
  onRequest(connection, listRunsRequest, ({ folders }) => service.listRuns(folders));
  onRequest(connection, readRun, ({ runDir }) => readRunDetails(path.resolve(runDir)));
  onRequest(connection, readTimingsRequest, async ({ runDir }) => ({
    timings: await readTimings(path.resolve(runDir)),
  }));
  onRequest(connection, readStep, async ({ runDir, step }) => ({ groups: await openRollouts(runDir).readStep(step) }));
  onRequest(connection, openFrames, async (params) => ({ files: await openGroupFrames(service.settings, params) }));
  onRequest(connection, openIndex, ({ runDir }) => openIndexFile(path.resolve(runDir), service.settings.cacheDir));
  onRequest(connection, readGroups, async ({ runDir, places }) => ({ groups: await readPlaces(runDir, places) }));
  onRequest(connection, searchRequest, (params, token) => service.search(params, token));
  onRequest(connection, readTokenTexts, async (params) => ({ tokens: await readTokenDetails(params) }));
  onRequest(connection, findExamples, async ({ runDir, file }) => ({
    examples: await findPlacedExamples(path.resolve(runDir), file),
  }));
  onRequest(connection, checkSpec, ({ specPath, text }) => ({ problems: checkSpecText(text, specPath) }));
  onRequest(connection, runDoctor, async () => ({ checks: await runChecks(service.settings, process.cwd()) }));
  onRequest(connection, writeSample, ({ dir }, token) => service.writeSample(dir, token));
  onRequest(connection, fetchFfmpegRequest, ({ dir }, token) => service.fetchFfmpeg(dir, token));
  onRequest(connection, importRequest, (params, token) => service.importRollouts(params, token));
  onRequest(connection, makeEvaluationReport, ({ places }, token) => service.makeReport(places, token));
  serveRewards(connection, () => service.settings);
  serveDiagnostics(connection, () => service.settings);
  serveChat(connection, () => service.settings);
}

class Service {
  private readonly connection: RpcConnection;
  private readonly options: ServiceOptions;
  private known: EngineSettings | null = null;

  constructor(connection: RpcConnection, options: ServiceOptions) {
    this.connection = connection;
    this.options = options;
  }

  get settings(): EngineSettings {
    if (this.known !== null) return this.known;
    throw new Error("internal: expected service/initialize before any other request");
  }

  initialize(params: InitializeParams) {
    if (params.protocolVersion !== protocolVersion) {
      throw new UserError({
        code: "unsupported",
        message: `the engine speaks version ${protocolVersion} of the protocol, the extension version ${params.protocolVersion}`,
        hint: "The extension was updated: reload the window.",
      });
    }
    const { engineDir } = this.options;
    this.known = {
      engineDir,
      cacheDir: resolveCacheDir(params.cacheDir),
      ffmpegPath: params.ffmpegPath,
      pythonPath: params.pythonPath,
    };
    return { version: videoRftVersion, protocolVersion, pid: process.pid };
  }

  async listRuns(folders: readonly string[]) {
    const { runs, problems } = await listRuns(folders);
    for (const problem of problems) {
      notify(this.connection, serviceLog, { level: "warn", message: `left out of the runs: ${formatError(problem)}` });
    }
    return { runs };
  }

  async writeSample(dir: string, token: RpcCancellationToken) {
    const { engineDir, ffmpegPath } = this.settings;
    const ffmpeg = await locateFfmpeg({ settingPath: ffmpegPath });
    const onProgress = (done: number, total: number): void =>
      notify(this.connection, serviceProgress, { task: "sample", done, total, message: `clip ${done} of ${total}` });
    return writeSampleWorkspace({ engineDir, dir, ffmpeg, signal: signalOf(token), onProgress });
  }

  importRollouts({ path: log, outDir }: { path: string; outDir: string | null }, token: RpcCancellationToken) {
    const onProgress = (rollouts: number): void =>
      notify(this.connection, serviceProgress, {
        task: "import",
        done: rollouts,
        total: 0,
        message: `${rollouts} rollouts`,
      });
    const { cacheDir } = this.settings;
    const signal = signalOf(token);
    return importRollouts({ path: log, outDir: outDir ?? undefined, cacheDir, videoRftVersion, signal, onProgress });
  }

  async makeReport(places: readonly string[], token: RpcCancellationToken) {
    const { cacheDir, ffmpegPath } = this.settings;
    const ffmpeg = (): ReturnType<typeof locateFfmpeg> => locateFfmpeg({ settingPath: ffmpegPath });
    return { html: await makeReport({ places, ffmpeg, cacheDir, videoRftVersion, signal: signalOf(token) }) };
  }

  search({ task, ...params }: SearchParams & { task: string }, token: RpcCancellationToken) {
    return searchRollouts(params, signalOf(token), (ids, searched) =>
      notify(this.connection, searchFound, { task, ids, searched }),
    );
  }

  fetchFfmpeg(dir: string, token: RpcCancellationToken) {
    let lastMegabytes = -1;
    const onProgress = (doneBytes: number, totalBytes: number): void => {
      const megabytes = Math.floor(doneBytes / 1e6);
      if (megabytes === lastMegabytes && doneBytes !== totalBytes) return;
      lastMegabytes = megabytes;
      const of = totalBytes > 0 ? ` of ${Math.ceil(totalBytes / 1e6)}` : "";
      const message = `${megabytes}${of} MB`;
      notify(this.connection, serviceProgress, { task: "ffmpeg", done: doneBytes, total: totalBytes, message });
    };
    return fetchFfmpeg({ dir, signal: signalOf(token), onProgress });
  }
}
