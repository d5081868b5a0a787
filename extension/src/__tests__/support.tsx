import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { type ISignal, Signal } from '@lumino/signaling';
import { render, type RenderResult } from '@testing-library/react';
import axe from 'axe-core';
import * as React from 'react';

import { type IViewContext, ViewProvider } from '../context';
import type {
  IBoard,
  IBoardRow,
  IChallenge,
  IEvent,
  IFinding,
  IJob,
  IKit,
  IMetric,
  IPhase,
  IPreview,
  IQuota,
  ISubmission
} from '../messages';
import { type ISource, Model } from '../model';
import type { Key } from '../stream';
import { CommandIDs } from '../tokens';

export const trans = nullTranslator.load('participant_kit');

export const GATEWAY = 'https://gateway.example.org';

export function kit(some: Partial<IKit> = {}): IKit {
  return {
    gateway: GATEWAY,
    challenge: 'nhanes',
    title: 'Who has diabetes?',
    folder: '/home/ada/nhanes',
    path: 'nhanes',
    notebook: 'nhanes/starter.ipynb',
    kernel: 'pkit-nhanes',
    codabench: false,
    ...some
  };
}

export const METRICS: IMetric[] = [
  { name: 'auc', higher_is_better: true, decimals: 3, primary: true },
  { name: 'loss', higher_is_better: false, decimals: 2, primary: false }
];

export function phase(some: Partial<IPhase> = {}): IPhase {
  return {
    name: 'development',
    starts: '2020-01-01T00:00:00Z',
    ends: '2120-01-01T00:00:00Z',
    ...some
  };
}

export function quota(some: Partial<IQuota> = {}): IQuota {
  return {
    phase: 'development',
    used_today: 2,
    per_day: 10,
    used_total: 20,
    total: 100,
    resets_at: '2120-01-01T00:00:00Z',
    revealed_bits: 40,
    budget_bits: 1000,
    ...some
  };
}

let made = 0;

/** A submission; each is newer than the one before it. */
export function submission(some: Partial<ISubmission> = {}): ISubmission {
  made += 1;
  return {
    id: `0190${String(made).padStart(8, '0')}`,
    gateway: GATEWAY,
    challenge: 'nhanes',
    phase: 'development',
    participant: 'ada',
    state: 'queued',
    version: 1,
    attempt: 1,
    counted: true,
    created_at: new Date(Date.UTC(2026, 0, 1) + 60_000 * made).toISOString(),
    updated_at: new Date(Date.UTC(2026, 0, 1) + 60_000 * made).toISOString(),
    rehearsed: false,
    has_log: false,
    has_receipt: false,
    name: '',
    note: '',
    notebook: 'nhanes/starter.ipynb',
    kept: true,
    verified: false,
    explanation: '',
    next_step: '',
    said: '',
    details: '',
    ...some
  };
}

/** A submission with a verified score. */
export function scored(auc: number, some: Partial<ISubmission> = {}): ISubmission {
  return submission({
    state: 'scored',
    scores: { auc },
    verified: true,
    has_receipt: true,
    ...some
  });
}

export function finding(some: Partial<IFinding> = {}): IFinding {
  return {
    file: 'starter.ipynb',
    expected: 'valid Python',
    found: 'a typo',
    key: '',
    level: 'error',
    ...some
  };
}

export function preview(some: Partial<IPreview> = {}): IPreview {
  return {
    kit: kit(),
    findings: [],
    phase: 'development',
    phases: [phase()],
    quota: quota(),
    most_bits: 12.3,
    budget_bits: 1000,
    ...some
  };
}

export function challenge(some: Partial<IChallenge> = {}): IChallenge {
  return {
    kit: kit(),
    summary: 'Find out.',
    me: 'ada',
    phases: [phase()],
    open_phase: 'development',
    metrics: METRICS,
    quota: quota(),
    most_bits: 12.3,
    budget_bits: 1000,
    kit_is_current: true,
    server_time: '2026-01-01T00:00:00Z',
    ...some
  };
}

export function boardRow(participant: string, rank: number, auc?: number): IBoardRow {
  return {
    rank,
    participant,
    scores: auc === undefined ? {} : { auc },
    submitted_at: '2026-01-01T00:00:00Z',
    submissions: rank
  };
}

export function board(some: Partial<IBoard> = {}): IBoard {
  return {
    gateway: GATEWAY,
    challenge: 'nhanes',
    phase: 'development',
    primary: 'auc',
    higher_is_better: true,
    hidden: false,
    participants: 3,
    rows: [boardRow('bea', 1, 0.9), boardRow('ada', 2, 0.8), boardRow('cem', 3, 0.7)],
    me: 'ada',
    ...some
  };
}

export function job(some: Partial<IJob> = {}): IJob {
  return {
    id: 'j1',
    kind: 'rehearsal',
    title: 'starter.ipynb',
    state: 'running',
    line: '',
    explanation: '',
    contained: true,
    log: '',
    ...some
  };
}

export function event(kind: IEvent['kind'], some: Partial<IEvent> = {}): IEvent {
  return {
    kind,
    gateway: GATEWAY,
    challenge: 'nhanes',
    submissions: [],
    whole: false,
    ...some
  };
}

/** Events as a test tells them, instead of a line to a server. */
export class Source implements ISource {
  watched: Key[][] = [];
  isConnected = true;
  isDisposed = false;

  get received(): ISignal<this, IEvent> {
    return this._received;
  }

  get connected(): ISignal<this, boolean> {
    return this._connected;
  }

  watch(keys: readonly Key[]): void {
    this.watched.push([...keys]);
  }

  tell(...args: Parameters<typeof event>): void {
    this._received.emit(event(...args));
  }

  connect(isConnected: boolean): void {
    this.isConnected = isConnected;
    this._connected.emit(isConnected);
  }

  dispose(): void {
    this.isDisposed = true;
  }

  private readonly _received = new Signal<this, IEvent>(this);
  private readonly _connected = new Signal<this, boolean>(this);
}

/** What views stand on: a model to be told things, and commands that are only noted. */
export class World {
  readonly source = new Source();
  readonly model = new Model(this.source);
  readonly commands = new CommandRegistry();
  readonly done: [id: string, args: ReadonlyPartialJSONObject][] = [];
  readonly context: IViewContext = { model: this.model, commands: this.commands, trans, locale: 'en' };

  constructor() {
    for (const id of Object.values(CommandIDs)) {
      this.commands.addCommand(id, {
        describedBy: { args: { type: 'object' } },
        execute: args => {
          this.done.push([id, args]);
        }
      });
    }
  }

  show(view: React.ReactElement): RenderResult {
    return render(view, {
      wrapper: ({ children }) => <ViewProvider context={this.context}>{children}</ViewProvider>
    });
  }
}

/** What stands in the way of people, as axe knows it. Contrast needs a real page, and is tested in one. */
export async function violations(element: Element): Promise<string[]> {
  const found = await axe.run(element, { rules: { 'color-contrast': { enabled: false } } });
  return found.violations
    .filter(one => one.impact === 'serious' || one.impact === 'critical')
    .map(one => `${one.id}: ${one.nodes.map(node => node.html).join(' ')}`);
}

/** Give lists a height, which jsdom does not: 600 pixels, and 84 for each of their rows. */
export function giveHeight(): void {
  Object.defineProperty(Element.prototype, 'clientHeight', { configurable: true, get: () => 600 });
  Object.defineProperty(HTMLElement.prototype, 'offsetHeight', { configurable: true, get: () => 84 });
}

/** Draw what has changed at once, and not with the next frame. */
export function drawAtOnce(): void {
  window.requestAnimationFrame = draw => {
    draw(0);
    return 0;
  };
}
