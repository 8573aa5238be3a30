/** Height of a row, as in VS Code's lists. */
export const rowHeightPx = 22;
/** Rows beyond either end that are ready when the wheel turns. */
const overscan = 8;

export interface VirtualRow {
  readonly node: HTMLElement;
  /** Fills the row anew. */
  show(index: number): void;
}

export interface VirtualRows {
  /** Shows this many rows; all of them are filled anew. */
  reset(count: number): void;
  /** Scrolls by as little as it takes to have a row in sight. */
  reveal(index: number): void;
  /** Whether a row has an element now. */
  has(index: number): boolean;
}

/** Elements for the rows in sight alone: while one scrolls, those that leave at one end come in at the other. */
export function createVirtualRows(
  scroller: HTMLElement,
  parent: HTMLElement,
  createRow: () => VirtualRow,
  options: { readonly headPx: () => number; readonly onFill: () => void },
): VirtualRows {
  const pool: { readonly row: VirtualRow; index: number }[] = [];
  let count = 0;
  let isScheduled = false;

  const fill = (): void => {
    isScheduled = false;
    const size = Math.min(count, Math.ceil(scroller.clientHeight / rowHeightPx) + 2 * overscan);
    while (pool.length < size) {
      const row = createRow();
      parent.append(row.node);
      pool.push({ row, index: -1 });
    }
    const first = Math.min(
      Math.max(0, count - size),
      Math.max(0, Math.floor(scroller.scrollTop / rowHeightPx) - overscan),
    );
    for (let index = first; index < first + size; index += 1) place(index);
    for (const entry of pool) entry.row.node.hidden = entry.index < first || entry.index >= first + size;
    options.onFill();
  };
  const place = (index: number): void => {
    const entry = pool[index % pool.length];
    if (entry === undefined || entry.index === index) return;
    entry.index = index;
    entry.row.node.style.transform = `translateY(${index * rowHeightPx}px)`;
    entry.row.show(index);
  };
  scroller.addEventListener("scroll", () => {
    if (!isScheduled) requestAnimationFrame(fill);
    isScheduled = true;
  });
  new ResizeObserver(fill).observe(scroller);
  return {
    reset: (next) => {
      count = next;
      parent.style.height = `${count * rowHeightPx}px`;
      for (const entry of pool) entry.index = -1;
      fill();
    },
    reveal: (index) => {
      const top = index * rowHeightPx;
      const below = top + rowHeightPx + options.headPx() - scroller.clientHeight;
      if (top < scroller.scrollTop) scroller.scrollTop = top;
      else if (below > scroller.scrollTop) scroller.scrollTop = below;
    },
    has: (index) => pool.some((entry) => entry.index === index && !entry.row.node.hidden),
  };
}
