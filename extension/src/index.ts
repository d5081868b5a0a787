import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, IToolbarWidgetRegistry } from '@jupyterlab/apputils';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { addCommands } from './commands';
import type { IViewContext } from './context';
import type { IKit } from './messages';
import { Model } from './model';
import { Notebooks } from './notebooks';
import { Notifier } from './notify';
import { Panel } from './panel/panel';
import { ask, problemOf } from './request';
import { StatusItem } from './status';
import { Stream } from './stream';
import { CommandIDs, DOMAIN, PLUGIN_ID } from './tokens';
import { SubmitButton } from './toolbar';

const PALETTE = [
  CommandIDs.submit,
  CommandIDs.check,
  CommandIDs.rehearse,
  CommandIDs.showPanel,
  CommandIDs.join,
  CommandIDs.updateKit
];

/** Everything beside the notebook. What an application does not have (launcher, status bar) is left out there. */
const plugin: JupyterFrontEndPlugin<void> = {
  id: PLUGIN_ID,
  description: 'Prepare, rehearse, submit and follow notebooks that run blind on private data.',
  autoStart: true,
  requires: [INotebookTracker, IDocumentManager, IRenderMimeRegistry],
  optional: [
    ITranslator,
    ISettingRegistry,
    IToolbarWidgetRegistry,
    ICommandPalette,
    ILauncher,
    IStatusBar,
    ILayoutRestorer,
    IDefaultFileBrowser,
    ILabShell
  ],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    documents: IDocumentManager,
    rendermime: IRenderMimeRegistry,
    translator: ITranslator | null,
    settings: ISettingRegistry | null,
    toolbar: IToolbarWidgetRegistry | null,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    statusBar: IStatusBar | null,
    restorer: ILayoutRestorer | null,
    browser: IDefaultFileBrowser | null,
    labShell: ILabShell | null
  ) => {
    const language = (translator ?? nullTranslator).languageCode;
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const model = new Model(new Stream(app.serviceManager.serverSettings));
    const context: IViewContext = {
      model,
      commands: app.commands,
      trans,
      locale: localeOf(language)
    };
    const notebooks = new Notebooks(tracker, documents);
    const reload = async (): Promise<void> => {
      try {
        model.kits = await ask<IKit[]>('kits');
        await notebooks.refresh();
      } catch (error) {
        model.kitsProblem = problemOf(error);
      }
    };
    const panel = new Panel(context, () => void reload());
    addCommands({ app, context, notebooks, panel, browser, rendermime, reload, hasTabs: labShell !== null });
    new Notifier(model, app.commands, trans);

    toolbar?.addFactory<NotebookPanel>(
      'Notebook',
      'submit-blind',
      widget => new SubmitButton(widget, notebooks, context)
    );
    const category = trans.__('Blind Submissions');
    for (const command of PALETTE) {
      palette?.addItem({ command, category });
    }
    launcher?.add({
      command: CommandIDs.join,
      category: trans.__('Other'),
      args: { isLauncher: true },
      rank: 50
    });
    if (statusBar) {
      const item = new StatusItem(context);
      statusBar.registerStatusItem('participant-kit:status', {
        item,
        align: 'right',
        rank: 50,
        isActive: () => model.running().length > 0,
        activeStateChanged: model.changed
      });
    }
    if (labShell || restorer) {
      app.shell.add(panel, 'right', { rank: 600 });
      restorer?.add(panel, panel.id);
    }
    notebooks.learnt.connect((_, widget) => {
      const kit = notebooks.kitOf(widget);
      if (kit) {
        model.follow(kit);
        if (widget === notebooks.current) {
          model.current = kit;
        }
      }
      app.commands.notifyCommandChanged();
    });
    tracker.currentChanged.connect(() => {
      const kit = notebooks.kitOf(notebooks.current);
      if (kit) {
        model.current = kit;
      }
      app.commands.notifyCommandChanged();
    });
    model.worked.connect((_, job) => {
      if (job.kind === 'join' && job.state === 'done') {
        void reload();
      }
    });
    void settings?.load(PLUGIN_ID).catch(() => undefined); // key bindings and toolbar come from the schema
    void reload();
  }
};

/** A language of JupyterLab as `Intl` names it; undefined for what it does not know. */
export function localeOf(language: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(language.replace('_', '-'))[0];
  } catch {
    return undefined;
  }
}

export default plugin;
