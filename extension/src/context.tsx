import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';

import type { Model } from './model';

/** What every view needs. */
export interface IViewContext {
  model: Model;
  commands: CommandRegistry;
  trans: TranslationBundle;
  /** The reader's language, as `Intl` wants it; undefined for the browser's own. */
  locale?: string;
}

const Context = React.createContext<IViewContext | null>(null);

/** Gives the views below it what they need, and draws them again when the model changes. */
export function ViewProvider(props: React.PropsWithChildren<{ context: IViewContext }>): React.ReactElement {
  return <Context.Provider value={props.context}>{props.children}</Context.Provider>;
}

/** What every view needs. */
export function useView(): IViewContext {
  const context = React.useContext(Context);
  if (!context) {
    throw new Error('a view stands outside ViewProvider');
  }
  return context;
}

/** Draw again whenever the model changes, at most once a frame. */
export function useModel(): Model {
  const { model } = useView();
  const [, draw] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    let frame = 0;
    const changed = (): void => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        draw();
      });
    };
    model.changed.connect(changed);
    changed();
    return () => {
      cancelAnimationFrame(frame);
      model.changed.disconnect(changed);
    };
  }, [model]);
  return model;
}

/** The present moment, renewed every `seconds`. */
export function useNow(seconds: number): number {
  const [now, setNow] = React.useState(() => Date.now());
  React.useEffect(() => {
    const clock = setInterval(() => setNow(Date.now()), seconds * 1000);
    return () => clearInterval(clock);
  }, [seconds]);
  return now;
}
