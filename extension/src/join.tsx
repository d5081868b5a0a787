import { MainAreaWidget, ReactWidget } from '@jupyterlab/apputils';
import * as React from 'react';

import { type IViewContext, useModel, useView, ViewProvider } from './context';
import { blindIcon } from './icons';
import type { IJob, IKit, IOffer, IProblem, IWho } from './messages';
import { Notice, ProblemNotice } from './panel/notice';
import { ask, problemOf } from './request';

/** What the page needs of the world. */
export interface IJoinOptions {
  context: IViewContext;
  /** The folder in which kits are put, as the file browser shows it. */
  folder: () => string;
  /** Open the starter notebook of a kit that was joined. */
  open: (kit: IKit) => void;
  gateway?: string;
}

/** The page behind "Join a challenge". */
export class JoinPage extends MainAreaWidget<ReactWidget> {
  constructor(options: IJoinOptions) {
    const { trans } = options.context;
    const content = ReactWidget.create(
      <ViewProvider context={options.context}>
        <JoinView {...options} />
      </ViewProvider>
    );
    content.addClass('pkit-Join');
    super({ content });
    this.id = 'participant-kit-join';
    this.title.label = trans.__('Join a challenge');
    this.title.icon = blindIcon;
    this.title.closable = true;
  }
}

/** Three steps on one page: the gateway, the token, the challenge. */
export function JoinView(props: IJoinOptions): React.ReactElement {
  const { trans } = useView();
  const model = useModel();
  const [address, setAddress] = React.useState(props.gateway ?? model.current?.gateway ?? '');
  const [token, setToken] = React.useState('');
  const [who, setWho] = React.useState<IWho | undefined>();
  const [offers, setOffers] = React.useState<IOffer[] | undefined>();
  const [problem, setProblem] = React.useState<IProblem | undefined>();
  const [busy, setBusy] = React.useState(false);

  const attempt = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setProblem(undefined);
    try {
      await work();
    } catch (error) {
      setProblem(problemOf(error));
    }
    setBusy(false);
  };
  const list = async (found: IWho): Promise<void> => {
    setWho(found);
    setOffers(await ask<IOffer[]>('challenges', { query: { gateway: found.gateway } }));
  };
  const connect = (): Promise<void> =>
    attempt(async () => {
      setOffers(undefined);
      // An address may name a challenge too; its first part is the gateway's.
      const gateway = gatewayOf(address);
      const found = token.trim()
        ? await ask<IWho>('login', { body: { gateway, token: token.trim() } })
        : await ask<IWho>('login', { query: { gateway } });
      setToken('');
      await list(found);
    });
  const loggedIn = who?.name !== undefined;
  return (
    <div className="pkit-Join-page">
      <h1>{trans.__('Join a challenge')}</h1>
      <form
        onSubmit={event => {
          event.preventDefault();
          void connect();
        }}
      >
        <label>
          {trans.__('Gateway address')}
          <input
            type="text"
            inputMode="url"
            required
            className="jp-mod-styled"
            placeholder={trans.__('https://gateway.example.org')}
            value={address}
            onChange={event => setAddress(event.target.value)}
          />
        </label>
        <label>
          {trans.__('Invitation token')}
          <input
            type="password"
            autoComplete="off"
            className="jp-mod-styled"
            placeholder={loggedIn ? trans.__('not needed again') : trans.__('from the organizer')}
            value={token}
            onChange={event => setToken(event.target.value)}
          />
        </label>
        <p className="pkit-Hint">
          {trans.__(
            'The token is kept by Jupyter Server on your machine, never by this page. Leave it empty to look around, or if you were here before.'
          )}
        </p>
        <button type="submit" className="jp-mod-styled jp-mod-accept" disabled={busy || !address.trim()}>
          {trans.__('Show challenges')}
        </button>
      </form>
      <div role="status">{busy ? trans.__('Asking the gateway …') : ''}</div>
      {problem && <ProblemNotice problem={problem} retry={() => void connect()} />}
      {who && !problem && (
        <p>
          {loggedIn
            ? trans.__('You are %1 at %2.', who.name ?? '', who.gateway)
            : trans.__(
                'You are not logged in at %1: you can join and rehearse, and need a token to submit.',
                who.gateway
              )}
        </p>
      )}
      {who && offers && (
        <section aria-label={trans.__('Challenges')}>
          <h2>{trans.__('Challenges')}</h2>
          {offers.length === 0 && (
            <Notice title={trans.__('This gateway has no challenge yet.')}>
              {trans.__('Come back later, or ask the organizer.')}
            </Notice>
          )}
          <ul className="pkit-Offers">
            {offers.map(offer => (
              <OfferItem
                key={offer.challenge}
                gateway={who.gateway}
                offer={offer}
                jobs={model.jobs}
                folder={props.folder}
                open={props.open}
              />
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

function OfferItem(props: {
  gateway: string;
  offer: IOffer;
  jobs: readonly IJob[];
  folder: () => string;
  open: (kit: IKit) => void;
}): React.ReactElement {
  const { gateway, offer } = props;
  const { commands, model, trans, locale } = useView();
  const [id, setId] = React.useState<string | undefined>();
  const [checksum, setChecksum] = React.useState('');
  const [problem, setProblem] = React.useState<IProblem | undefined>();
  const job = props.jobs.find(one => one.id === id);
  const { open } = props;
  React.useEffect(() => {
    if (job?.state === 'done' && job.kit) {
      open(job.kit);
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once, when it is done
  }, [job?.state]);
  const join = async (): Promise<void> => {
    setProblem(undefined);
    try {
      const folder = offer.joined?.path ?? [props.folder(), offer.challenge].filter(Boolean).join('/');
      const begun = await ask<IJob>('joins', {
        body: {
          gateway,
          challenge: offer.challenge,
          folder,
          checksum: checksum.trim() || undefined
        }
      });
      model.putJob(begun);
      setId(begun.id);
    } catch (error) {
      setProblem(problemOf(error));
    }
  };
  const joined = job?.kit ?? offer.joined;
  const wrong = problem ?? job?.problem;
  const size = (offer.kit_bytes / 2 ** 20).toLocaleString(locale, {
    maximumFractionDigits: 1
  });
  return (
    <li className="pkit-Offer">
      <h3>{offer.title}</h3>
      <p>{offer.summary}</p>
      <p className="pkit-Hint">
        {offer.open_phase ? trans.__('Open phase: %1', offer.open_phase) : trans.__('No phase is open')}
        {' · '}
        {trans.__('ranked by %1', offer.metric)}
        {' · '}
        {trans.__('kit of %1 MiB', size)}
      </p>
      <details>
        <summary>{trans.__('Checksum of the kit')}</summary>
        <label>
          {trans.__('SHA-256 as the organizer told you')}
          <input
            type="text"
            className="jp-mod-styled"
            value={checksum}
            placeholder={offer.kit_sha256}
            onChange={event => setChecksum(event.target.value)}
          />
        </label>
      </details>
      {wrong && <ProblemNotice problem={wrong} gateway={gateway} retry={() => void join()} />}
      {job?.state === 'running' ? (
        <div>
          <div role="status">{job.line || trans.__('Begins …')}</div>
          <div className="pkit-Job-bar" role="progressbar" aria-label={offer.title} />
          <button
            type="button"
            className="jp-mod-styled"
            onClick={() => void commands.execute('participant-kit:stop-job', { id: job.id })}
          >
            {trans.__('Stop')}
          </button>
        </div>
      ) : (
        <div className="pkit-Offer-actions">
          <button type="button" className="jp-mod-styled jp-mod-accept" onClick={() => void join()}>
            {joined ? trans.__('Update the kit') : trans.__('Join')}
          </button>
          {joined && (
            <button type="button" className="jp-mod-styled" onClick={() => open(joined)}>
              {trans.__('Open the starter notebook')}
            </button>
          )}
        </div>
      )}
      {job?.state === 'done' && <div role="status">{trans.__('Joined: %1', job.kit?.folder ?? '')}</div>}
    </li>
  );
}

/** The gateway in an address that may go on to a challenge. */
export function gatewayOf(address: string): string {
  const text = address.trim().replace(/\/+$/, '');
  const match = /^(https?:\/\/[^/]+)\/[a-z0-9-]+$/.exec(text);
  return match ? match[1] : text;
}
