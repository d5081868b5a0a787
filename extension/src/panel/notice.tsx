import * as React from 'react';

import { useView } from '../context';
import type { IProblem } from '../messages';
import { adviceFor } from '../problems';
import { CommandIDs } from '../tokens';

/** A sentence in place of something that is not there, with what to do next. */
export function Notice(
  props: React.PropsWithChildren<{
    title: string;
    kind?: 'info' | 'warning' | 'error';
    action?: { label: string; run: () => void };
  }>
): React.ReactElement {
  const kind = props.kind ?? 'info';
  return (
    <div className={`pkit-Notice pkit-mod-${kind}`} role={kind === 'error' ? 'alert' : 'status'}>
      <strong>{props.title}</strong>
      {props.children && <div>{props.children}</div>}
      {props.action && (
        <button
          type="button"
          className="jp-mod-styled jp-mod-accept pkit-Notice-action"
          onClick={props.action.run}
        >
          {props.action.label}
        </button>
      )}
    </div>
  );
}

/** A problem, in the reader's language, with the button that leads on. */
export function ProblemNotice(props: {
  problem: IProblem;
  gateway?: string;
  retry?: () => void;
  /** Called before the button leads elsewhere. */
  leave?: () => void;
  kind?: 'warning' | 'error';
}): React.ReactElement {
  const { commands, trans } = useView();
  const advice = adviceFor(props.problem, trans);
  const run = (id: string) => (): void => {
    props.leave?.();
    void commands.execute(id, { gateway: props.gateway });
  };
  const actions = {
    join: { label: trans.__('Join a challenge'), run: run(CommandIDs.join) },
    login: { label: trans.__('Enter a token'), run: run(CommandIDs.login) },
    kit: { label: trans.__('Update the kit'), run: run(CommandIDs.updateKit) },
    reload: {
      label: trans.__('Reload the page'),
      run: () => window.location.reload()
    },
    retry: props.retry && { label: trans.__('Try again'), run: props.retry }
  };
  return (
    <Notice
      title={advice.sentence}
      kind={props.kind ?? 'error'}
      action={advice.action && actions[advice.action]}
    >
      {advice.next}
    </Notice>
  );
}
