import { ReactWidget } from '@jupyterlab/ui-components';
import { TextItem } from '@jupyterlab/statusbar';
import * as React from 'react';

import { type IViewContext, useModel, useView, ViewProvider } from './context';
import { formatState } from './format';
import { CommandIDs } from './tokens';

/** "Blind: running" in the status bar while something is under way. */
export class StatusItem extends ReactWidget {
  constructor(private readonly _context: IViewContext) {
    super();
    this.addClass('pkit-Status');
  }

  protected override render(): React.ReactElement {
    return (
      <ViewProvider context={this._context}>
        <StatusView />
      </ViewProvider>
    );
  }
}

function StatusView(): React.ReactElement | null {
  const { commands, trans } = useView();
  const running = useModel().running();
  if (!running.length) {
    return null;
  }
  const show = (): void => void commands.execute(CommandIDs.showPanel);
  return (
    <TextItem
      role="button"
      tabIndex={0}
      source={
        running.length === 1
          ? trans.__('Blind: %1', formatState(running[0].state, trans))
          : trans.__('Blind: %1 under way', running.length)
      }
      title={trans.__('Show my submissions')}
      onClick={show}
      onKeyDown={event => {
        if (event.key === 'Enter' || event.key === ' ') {
          show();
        }
      }}
    />
  );
}
