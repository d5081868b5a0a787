import { ServerConnection } from '@jupyterlab/services';

import type { IProblem } from '../messages';
import { ask, problemOf, ProblemError } from '../request';

/** Ask a server that answers with `answer`, and say what was asked. */
async function asking(
  answer: Response | Error,
  path = 'kits',
  options: Parameters<typeof ask>[1] = {}
): Promise<{ asked: Request; result: unknown }> {
  const asked: Request[] = [];
  const fetch = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    asked.push(new Request(input, init));
    return answer instanceof Response ? Promise.resolve(answer) : Promise.reject(answer);
  };
  const settings = ServerConnection.makeSettings({
    baseUrl: 'http://localhost:8888/user/ada/',
    token: '',
    fetch
  });
  const result = await ask(path, { settings, ...options }).catch((error: unknown) => error);
  return { asked: asked[0], result };
}

const json = (content: unknown, status = 200): Response => new Response(JSON.stringify(content), { status });

describe('ask', () => {
  it('asks below the base URL, and leaves out what is not known', async () => {
    const query = { gateway: 'https://a.example/?b', phase: undefined };
    const { asked, result } = await asking(json([1]), 'leaderboard', { query });
    // Jupyter adds the time, so that nothing comes from a cache.
    expect(asked.url.replace(/&\d+$/, '')).toBe(
      'http://localhost:8888/user/ada/participant-kit/leaderboard?gateway=https%3A%2F%2Fa.example%2F%3Fb'
    );
    expect(asked.method).toBe('GET');
    expect(result).toEqual([1]);
  });

  it('sends a body as JSON', async () => {
    const { asked } = await asking(json(null), 'notebook', { body: { path: 'a.ipynb' } });
    expect(asked.method).toBe('POST');
    expect(await asked.json()).toEqual({ path: 'a.ipynb' });
  });

  it('takes nothing for an answer where it is one', async () => {
    expect((await asking(json(null))).result).toBeNull();
  });

  it('has the method that it is told', async () => {
    expect((await asking(json({}), 'jobs/1', { method: 'DELETE' })).asked.method).toBe('DELETE');
  });

  it('hands on what the gateway refuses', async () => {
    const problem: IProblem = { code: 'quota_spent', message: 'All used.', hint: 'Wait.' };
    const { result } = await asking(json(problem, 429));
    expect(result).toBeInstanceOf(ProblemError);
    expect(result).toMatchObject({ problem, status: 429, message: 'All used.' });
  });

  it.each([
    [
      'a token that the gateway does not take',
      json({ code: 'token_unknown', message: 'No.' }, 403),
      'token_unknown'
    ],
    ['an ended login', json({ message: 'Forbidden' }, 403), 'jupyter_login'],
    ['no such extension', new Response('<html>404</html>', { status: 404 }), 'extension_missing'],
    ['a fault of the server', new Response('Oh.', { status: 500 }), 'internal'],
    ['a login page in place of an answer', new Response('<html>Log in</html>'), 'jupyter_login'],
    ['no connection', new TypeError('Failed to fetch'), 'jupyter_unreachable']
  ])('knows %s', async (_, answer, code) => {
    const { result } = await asking(answer);
    expect(result).toBeInstanceOf(ProblemError);
    expect(problemOf(result).code).toBe(code);
    expect(problemOf(result).hint).toBe('');
  });
});

describe('problemOf', () => {
  it('makes a problem of anything', () => {
    expect(problemOf(new Error('Oh.'))).toEqual({ code: 'internal', message: 'Error: Oh.', hint: '' });
  });
});
