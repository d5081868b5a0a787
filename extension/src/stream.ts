import { URLExt } from '@jupyterlab/coreutils';
import type { ServerConnection } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import { type ISignal, Signal } from '@lumino/signaling';

import type { IEvent } from './messages';
import { NAMESPACE } from './request';

/** A challenge at a gateway. */
export type Key = readonly [gateway: string, challenge: string];

/** Milliseconds without a sign of life after which a line is taken for dead; the server gives one every 15 s. */
const SILENCE = 40_000;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 10_000;

/**
 * The line to the server extension: it opens again by itself after a restart of the server, a lost network or a
 * laptop's sleep, and asks for everything anew, so that nothing is missed.
 */
export class Stream implements IDisposable {
  constructor(private readonly _settings: ServerConnection.ISettings) {
    this._url = URLExt.join(_settings.wsUrl, NAMESPACE, 'events');
    this._clock = setInterval(() => this._listen(), 5_000);
    window.addEventListener('online', this._wake);
    document.addEventListener('visibilitychange', this._wake);
    this._open();
  }

  /** A message has come. */
  get received(): ISignal<this, IEvent> {
    return this._received;
  }

  /** The line has opened (true) or broken (false). */
  get connected(): ISignal<this, boolean> {
    return this._connected;
  }

  get isConnected(): boolean {
    return this._socket?.readyState === WebSocket.OPEN;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  /** Hear of these challenges and no others. */
  watch(keys: readonly Key[]): void {
    this._keys = keys;
    this._say();
  }

  dispose(): void {
    if (this._disposed) {
      return;
    }
    this._disposed = true;
    clearInterval(this._clock);
    clearTimeout(this._again);
    window.removeEventListener('online', this._wake);
    document.removeEventListener('visibilitychange', this._wake);
    this._drop();
    Signal.clearData(this);
  }

  private _open(): void {
    const { token, appendToken, WebSocket: Socket } = this._settings;
    // As Jupyter does for kernels: a cookie carries the login, except where page and server are apart.
    const url = appendToken && token ? `${this._url}?token=${encodeURIComponent(token)}` : this._url;
    const socket = new Socket(url);
    this._socket = socket;
    this._heard = Date.now();
    socket.onopen = () => {
      this._pause = FIRST_PAUSE;
      this._heard = Date.now();
      this._say();
      this._connected.emit(true);
    };
    socket.onmessage = (message: MessageEvent<string>) => {
      this._heard = Date.now();
      this._received.emit(JSON.parse(message.data) as IEvent);
    };
    socket.onclose = () => this._lost();
  }

  private _lost(): void {
    this._drop();
    this._connected.emit(false);
    if (!this._disposed) {
      clearTimeout(this._again);
      this._again = setTimeout(() => this._open(), this._pause);
      this._pause = Math.min(2 * this._pause, LONGEST_PAUSE);
    }
  }

  private _drop(): void {
    const socket = this._socket;
    this._socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
  }

  private _say(): void {
    if (this.isConnected) {
      this._socket?.send(JSON.stringify({ watch: this._keys }));
    }
  }

  private _listen(): void {
    if (this._socket && Date.now() - this._heard > SILENCE) {
      this._lost();
    }
  }

  private readonly _wake = (): void => {
    if (document.visibilityState === 'hidden') {
      return;
    }
    if (this._socket) {
      this._listen();
    } else {
      this._pause = FIRST_PAUSE;
      clearTimeout(this._again);
      this._open();
    }
  };

  private readonly _url: string;
  private readonly _clock: ReturnType<typeof setInterval>;
  private _again: ReturnType<typeof setTimeout> | undefined;
  private _socket: WebSocket | null = null;
  private _heard = 0;
  private _pause = FIRST_PAUSE;
  private _keys: readonly Key[] = [];
  private _disposed = false;
  private readonly _received = new Signal<this, IEvent>(this);
  private readonly _connected = new Signal<this, boolean>(this);
}
