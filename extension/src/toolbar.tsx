import type { NotebookPanel } from '@jupyterlab/notebook';
import { caretDownIcon, ReactWidget } from '@jupyterlab/ui-components';
import { Menu } from '@lumino/widgets';
import * as React from 'react';

import type { IViewContext } from './context';
import { blindIcon } from './icons';
import type { Notebooks } from './notebooks';
import { CommandIDs } from './tokens';

/** "Submit blind" in the toolbar of a notebook that belongs to a challenge, with a small menu beside it. */
export class SubmitButton extends ReactWidget {
  constructor(
    private readonly _panel: NotebookPanel,
    private readonly _notebooks: Notebooks,
    private readonly _context: IViewContext
  ) {
    super();
    this.addClass('pkit-SubmitButton');
    this.addClass('jp-ToolbarButton');
    _notebooks.learnt.connect(this._show, this);
    this._show();
  }

  override dispose(): void {
    this._notebooks.learnt.disconnect(this._show, this);
    super.dispose();
  }

  protected override render(): React.ReactElement {
    const { commands, trans } = this._context;
    const args = { path: this._panel.context.path };
    const codabench = this._notebooks.kitOf(this._panel)?.codabench ?? false;
    return (
      <>
        <button
          type="button"
          className="jp-ToolbarButtonComponent pkit-SubmitButton-main"
          title={
            codabench
              ? trans.__('Send this notebook to the Codabench server')
              : trans.__('Send this notebook to be run on the real data')
          }
          onClick={() => void commands.execute(CommandIDs.submit, args)}
        >
          <blindIcon.react tag="span" className="jp-ToolbarButtonComponent-icon" />
          <span className="jp-ToolbarButtonComponent-label">
            {codabench ? trans.__('Submit to Codabench') : trans.__('Submit blind')}
          </span>
        </button>
        <button
          type="button"
          className="jp-ToolbarButtonComponent pkit-SubmitButton-more"
          title={trans.__('Check, rehearse or submit')}
          aria-label={trans.__('Check, rehearse or submit')}
          aria-haspopup="menu"
          onClick={event => this._open(event.currentTarget)}
        >
          <caretDownIcon.react tag="span" />
        </button>
      </>
    );
  }

  private _show(): void {
    this.setHidden(!this._notebooks.belongs(this._panel));
    this.update();
  }

  private _open(button: HTMLElement): void {
    const menu = new Menu({ commands: this._context.commands });
    const args = { path: this._panel.context.path };
    for (const command of [CommandIDs.check, CommandIDs.rehearse, CommandIDs.submit]) {
      menu.addItem({ command, args });
    }
    const own = this._notebooks.kitOf(this._panel)?.folder;
    for (const kit of this._context.model.kits ?? []) {
      if (kit.codabench && kit.folder !== own) {
        menu.addItem({ command: CommandIDs.submit, args: { ...args, target: kit.folder } });
      }
    }
    menu.addItem({ type: 'separator' });
    menu.addItem({ command: CommandIDs.showPanel });
    menu.aboutToClose.connect(() => {
      requestAnimationFrame(() => menu.dispose());
    });
    const box = button.getBoundingClientRect();
    menu.open(box.left, box.bottom);
  }
}
