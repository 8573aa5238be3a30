/** The step that a key leads to, from another step; null for keys that lead nowhere. */
export function movedStep(key: string, steps: readonly number[], from: number): number | null {
  const index = steps.indexOf(from);
  const page = Math.max(1, Math.round(steps.length / 10));
  const moves: Readonly<Record<string, number>> = {
    ArrowLeft: index - 1,
    ArrowRight: index + 1,
    PageDown: index - page,
    PageUp: index + page,
    Home: 0,
    End: steps.length - 1,
  };
  const moved = moves[key];
  if (moved === undefined) return null;
  return steps[Math.min(steps.length - 1, Math.max(0, moved))] ?? null;
}
