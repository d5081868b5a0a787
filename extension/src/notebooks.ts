import type { IDocumentManager } from '@jupyterlab/docmanager';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { Contents } from '@jupyterlab/services';
import { type ISignal, Signal } from '@lumino/signaling';

import type { IKit } from './messages';
import { ask, ProblemError } from './request';

/** Which challenge each notebook belongs to, and ways to a notebook's cells. */
export class Notebooks {
  constructor(
    private readonly _tracker: INotebookTracker,
    private readonly _documents: IDocumentManager
  ) {
    _tracker.widgetAdded.connect((_, panel) => {
      void this._learn(panel);
      panel.context.pathChanged.connect(() => void this._learn(panel));
    });
    _tracker.forEach(panel => void this._learn(panel));
  }

  /** A notebook has been found to belong to a challenge, or to none. */
  get learnt(): ISignal<this, NotebookPanel> {
    return this._learnt;
  }

  /** The notebook in front, if any. */
  get current(): NotebookPanel | null {
    return this._tracker.currentWidget;
  }

  /** The kit of a notebook that is open; undefined for one that belongs to no challenge, or is not known yet. */
  kitOf(panel: NotebookPanel | null): IKit | undefined {
    return panel ? this._kits.get(panel.context.path) : undefined;
  }

  /** The kit of the notebook at `path`, if it is open. */
  kitAt(path: string): IKit | undefined {
    return this._kits.get(path);
  }

  /** Whether a notebook lies in a kit, be it one whose card cannot be read: submitting it then says why. */
  belongs(panel: NotebookPanel | null): boolean {
    return !!panel && (this._kits.has(panel.context.path) || this._unreadable.has(panel.context.path));
  }

  /** Ask again for every open notebook: a kit may have been joined around it. */
  async refresh(): Promise<void> {
    const waiting: Promise<void>[] = [];
    this._tracker.forEach(panel => waiting.push(this._learn(panel)));
    await Promise.all(waiting);
  }

  /** The server's path of a file: drives of the page's own have a prefix that the server does not know. */
  localPath(path: string): string {
    return this._contents.localPath(path);
  }

  /** Save the notebook at `path` where it is open and has changes. */
  async save(path: string): Promise<void> {
    const panel = this._find(path);
    if (panel?.model?.dirty) {
      await panel.context.save();
    }
  }

  /** Whether the notebook at `path` is open and has no kernel. */
  hasNoKernel(path: string): boolean {
    return this._find(path)?.sessionContext.hasNoKernel ?? false;
  }

  /** Open the notebook at `path` and show its cell `number`, which counts from 1. Whether there is such a cell. */
  async goToCell(path: string, number: number): Promise<boolean> {
    const panel = this._documents.openOrReveal(path) as NotebookPanel | undefined;
    if (!panel) {
      return false;
    }
    await panel.context.ready;
    await panel.revealed;
    const cell = panel.content.widgets.at(number - 1);
    if (!cell) {
      return false;
    }
    panel.content.deselectAll();
    panel.content.activeCellIndex = number - 1;
    panel.content.mode = 'command';
    await panel.content.scrollToCell(cell, 'center');
    panel.content.node.focus();
    return true;
  }

  private _find(path: string): NotebookPanel | undefined {
    return this._tracker.find(
      panel => this._contents.localPath(panel.context.path) === this._contents.localPath(path)
    );
  }

  private async _learn(panel: NotebookPanel): Promise<void> {
    const path = panel.context.path;
    try {
      const kit = await ask<IKit | null>('notebook', {
        body: { path: this._contents.localPath(path) }
      });
      if (kit) {
        this._kits.set(path, kit);
      } else {
        this._kits.delete(path);
      }
      this._unreadable.delete(path);
    } catch (error) {
      this._kits.delete(path);
      if (error instanceof ProblemError && error.status === 422 && error.problem.code !== 'outside') {
        this._unreadable.add(path);
      }
    }
    if (!panel.isDisposed) {
      this._learnt.emit(panel);
    }
  }

  private get _contents(): Contents.IManager {
    return this._documents.services.contents;
  }

  private readonly _kits = new Map<string, IKit>();
  private readonly _unreadable = new Set<string>();
  private readonly _learnt = new Signal<this, NotebookPanel>(this);
}
