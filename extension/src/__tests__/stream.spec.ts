import { ServerConnection } from '@jupyterlab/services';

import type { IEvent } from '../messages';
import { Stream } from '../stream';
import { event } from './support';

class FakeSocket {
  static all: FakeSocket[] = [];
  static get last(): FakeSocket {
    return FakeSocket.all[FakeSocket.all.length - 1];
  }

  readyState: number = WebSocket.CONNECTING;
  sent: unknown[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;

  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.readyState = WebSocket.CLOSED;
  }

  open(): void {
    this.readyState = WebSocket.OPEN;
    this.onopen?.();
  }

  say(said: IEvent): void {
    this.onmessage?.({ data: JSON.stringify(said) });
  }

  break(): void {
    this.readyState = WebSocket.CLOSED;
    this.onclose?.();
  }
}

describe('Stream', () => {
  let stream: Stream;

  const start = (settings: Partial<ServerConnection.ISettings> = {}): Stream =>
    new Stream(
      ServerConnection.makeSettings({
        baseUrl: 'http://localhost:8888/user/ada/',
        wsUrl: 'ws://localhost:8888/user/ada/',
        token: 'a secret',
        appendToken: false,
        WebSocket: FakeSocket as unknown as typeof WebSocket,
        ...settings
      })
    );
  const hide = (state: DocumentVisibilityState): void => {
    jest.spyOn(document, 'visibilityState', 'get').mockReturnValue(state);
    document.dispatchEvent(new Event('visibilitychange'));
  };

  beforeEach(() => {
    jest.useFakeTimers();
    FakeSocket.all = [];
    stream = start();
  });

  afterEach(() => {
    stream.dispose();
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  it('is below the base URL, and shows no token', () => {
    expect(FakeSocket.last.url).toBe('ws://localhost:8888/user/ada/participant-kit/events');
  });

  it('shows the token only where Jupyter says so', () => {
    start({ appendToken: true }).dispose();
    expect(FakeSocket.last.url).toMatch(/\/events\?token=a%20secret$/);
    start({ appendToken: true, token: '' }).dispose();
    expect(FakeSocket.last.url).toMatch(/\/events$/);
  });

  it('says what it watches as soon as the line is open, and whenever that changes', () => {
    stream.watch([['g', 'a']]);
    expect(FakeSocket.last.sent).toEqual([]);
    FakeSocket.last.open();
    stream.watch([
      ['g', 'a'],
      ['g', 'b']
    ]);
    expect(FakeSocket.last.sent).toEqual([
      { watch: [['g', 'a']] },
      {
        watch: [
          ['g', 'a'],
          ['g', 'b']
        ]
      }
    ]);
  });

  it('hands on what it hears', () => {
    const heard: IEvent[] = [];
    stream.received.connect((_, one) => heard.push(one));
    FakeSocket.last.open();
    FakeSocket.last.say(event('alive'));
    expect(heard).toEqual([event('alive')]);
  });

  it('tells when the line opens and breaks', () => {
    const told: boolean[] = [];
    stream.connected.connect((_, isConnected) => told.push(isConnected));
    FakeSocket.last.open();
    expect(stream.isConnected).toBe(true);
    FakeSocket.last.break();
    expect(stream.isConnected).toBe(false);
    expect(told).toEqual([true, false]);
  });

  it('opens again after pauses that grow to ten seconds, and asks for everything anew', () => {
    stream.watch([['g', 'a']]);
    for (const pause of [500, 1000, 2000, 4000, 8000, 10_000, 10_000]) {
      const count = FakeSocket.all.length;
      FakeSocket.last.break();
      jest.advanceTimersByTime(pause - 1);
      expect(FakeSocket.all).toHaveLength(count);
      jest.advanceTimersByTime(1);
      expect(FakeSocket.all).toHaveLength(count + 1);
    }
    FakeSocket.last.open();
    expect(FakeSocket.last.sent).toEqual([{ watch: [['g', 'a']] }]);
    FakeSocket.last.break();
    jest.advanceTimersByTime(500); // an open line begins anew with the shortest pause
    expect(FakeSocket.all).toHaveLength(9);
  });

  it('gives up a line that is silent for more than 40 seconds', () => {
    FakeSocket.last.open();
    const silent = FakeSocket.last;
    jest.advanceTimersByTime(40_000);
    expect(stream.isConnected).toBe(true);
    jest.advanceTimersByTime(5_000);
    expect(silent.readyState).toBe(WebSocket.CLOSED);
    jest.advanceTimersByTime(500);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it('keeps a line that gives signs of life', () => {
    FakeSocket.last.open();
    for (let quarter = 0; quarter < 8; quarter++) {
      jest.advanceTimersByTime(15_000);
      FakeSocket.last.say(event('alive'));
    }
    expect(FakeSocket.all).toHaveLength(1);
  });

  it('does not wait any longer when the network or the page is back', () => {
    for (let count = 0; count < 6; count++) {
      FakeSocket.last.break();
      jest.advanceTimersByTime(10_000);
    }
    FakeSocket.last.break();
    const count = FakeSocket.all.length;
    hide('hidden');
    expect(FakeSocket.all).toHaveLength(count);
    hide('visible');
    expect(FakeSocket.all).toHaveLength(count + 1);
    FakeSocket.last.break();
    window.dispatchEvent(new Event('online'));
    expect(FakeSocket.all).toHaveLength(count + 2);
  });

  it('notices at once that a laptop has slept', () => {
    FakeSocket.last.open();
    jest.setSystemTime(Date.now() + 3_600_000); // the clock went on, and no timer did
    hide('visible');
    expect(stream.isConnected).toBe(false);
    jest.advanceTimersByTime(500);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it('stops everything when it is disposed of', () => {
    const told: boolean[] = [];
    stream.connected.connect((_, isConnected) => told.push(isConnected));
    FakeSocket.last.break();
    stream.dispose();
    expect(jest.getTimerCount()).toBe(0);
    window.dispatchEvent(new Event('online'));
    hide('visible');
    expect(FakeSocket.all).toHaveLength(1);
    expect(told).toEqual([false]);
    expect(stream.isDisposed).toBe(true);
  });
});
