import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, Dialog, type MainAreaWidget, Notification, showDialog } from '@jupyterlab/apputils';
import type { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { checkIcon, notebookIcon, refreshIcon, runIcon } from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import type { IViewContext } from './context';
import { blindIcon } from './icons';
import type { IJob, IKit, ILog, ISubmission } from './messages';
import type { Notebooks } from './notebooks';
import type { Panel } from './panel/panel';
import { adviceFor } from './problems';
import { ask, problemOf } from './request';
import { CommandIDs } from './tokens';

/** What the commands work on. */
export interface ICommandOptions {
  app: JupyterFrontEnd;
  context: IViewContext;
  notebooks: Notebooks;
  panel: Panel;
  browser: IDefaultFileBrowser | null;
  rendermime: IRenderMimeRegistry;
  reload: () => Promise<void>;
  /** Whether there are tabs to open things in; Notebook 7 has one document a page. */
  hasTabs: boolean;
}

type Args = ReadonlyPartialJSONObject;

/** Where a submission is. */
type Where = Partial<Record<'gateway' | 'challenge', string>>;

/** Add every command. Those of the palette are for the notebook in front, or the file chosen in the browser. */
export function addCommands(options: ICommandOptions): void {
  const { app, context, notebooks, panel, browser, rendermime } = options;
  const { commands, shell } = app;
  const { model, trans } = context;

  const text = (args: Args, name: string): string | undefined =>
    typeof args[name] === 'string' ? args[name] : undefined;

  /** The notebook that is meant: named, chosen in the file browser (from its context menu), or in front. */
  const pathOf = (args: Args): string | undefined => {
    const named = text(args, 'path');
    if (named !== undefined) {
      return named;
    }
    if (args.browser === true && browser) {
      for (const item of browser.selectedItems()) {
        return item.type === 'notebook' ? item.path : undefined;
      }
    }
    return notebooks.current?.context.path;
  };
  const hasNotebook = (args: Args): boolean =>
    args.browser === true || text(args, 'path') !== undefined
      ? pathOf(args) !== undefined
      : notebooks.belongs(notebooks.current);

  /** Say what went wrong, in a notification: the work was started from anywhere. */
  const tell = (error: unknown): void => {
    const advice = adviceFor(problemOf(error), trans);
    const actions: Notification.IAction[] =
      advice.action === 'login' || advice.action === 'join'
        ? [
            {
              label: trans.__('Join a challenge'),
              callback: () => void commands.execute(CommandIDs.join)
            }
          ]
        : [];
    Notification.error(`${advice.sentence} ${advice.next}`, {
      autoClose: false,
      actions
    });
  };
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      tell(error);
    }
  };

  const showPanel = (): void => {
    if (!panel.isAttached) {
      shell.add(panel, 'right', { rank: 600 });
    }
    shell.activateById(panel.id);
  };

  /** Show a page of our own: in a tab, or in a dialog where there are none. One of each kind. */
  const show = (widget: MainAreaWidget): void => {
    for (const other of [...shell.widgets('main')]) {
      if (other.id === widget.id) {
        other.dispose();
      }
    }
    if (options.hasTabs) {
      shell.add(widget, 'main');
      shell.activateById(widget.id);
      return;
    }
    const dialog = new Dialog({
      title: widget.title.label,
      body: widget,
      buttons: [Dialog.cancelButton({ label: trans.__('Close') })],
      hasClose: true
    });
    dialog.addClass('pkit-PageDialog');
    void dialog.launch();
  };

  const aboutNotebook = {
    type: 'object',
    properties: {
      path: { type: 'string', description: 'The notebook; the one in front if left out' },
      browser: { type: 'boolean', description: 'The one chosen in the file browser' }
    }
  } as const;
  const aboutSubmission = {
    type: 'object',
    required: ['id'],
    properties: { id: { type: 'string', description: 'The submission' } }
  } as const;

  /** The competition that a notebook goes to: the one that is named, or that of its own folder. */
  const competitionOf = (args: Args): IKit | undefined => {
    const target = text(args, 'target');
    const kit =
      target === undefined
        ? notebooks.kitAt(pathOf(args) ?? '')
        : model.kits?.find(one => one.folder === target);
    return kit?.codabench ? kit : undefined;
  };

  commands.addCommand(CommandIDs.submit, {
    label: args => {
      const competition = competitionOf(args);
      return competition
        ? trans.__('Submit to Codabench: %1…', competition.title)
        : trans.__('Submit Blind…');
    },
    caption: trans.__('Check this notebook, and send it to be run on the real data'),
    icon: blindIcon,
    isEnabled: hasNotebook,
    describedBy: {
      args: {
        ...aboutNotebook,
        properties: {
          ...aboutNotebook.properties,
          target: { type: 'string', description: 'The folder of a Codabench competition' }
        }
      }
    },
    execute: async args => {
      const path = pathOf(args);
      if (path === undefined) {
        return;
      }
      const { SubmitDialog } = await import('./submit');
      const codabench = competitionOf(args);
      const result = await new SubmitDialog({ path, context, notebooks, codabench }).launch();
      if (result.value) {
        if (codabench) {
          model.current = codabench;
        }
        model.put(result.value);
        showPanel();
      }
    }
  });

  commands.addCommand(CommandIDs.check, {
    label: trans.__('Check'),
    caption: trans.__('Find what would make this notebook fail, without running it'),
    icon: checkIcon,
    isEnabled: hasNotebook,
    describedBy: { args: aboutNotebook },
    execute: async args => {
      const path = pathOf(args);
      if (path !== undefined) {
        const { SubmitDialog } = await import('./submit');
        await new SubmitDialog({ path, context, notebooks, checkOnly: true }).launch();
      }
    }
  });

  commands.addCommand(CommandIDs.rehearse, {
    label: trans.__('Rehearse on the Sample'),
    caption: trans.__('Run this notebook on the sample, here, as it will run on the real data'),
    icon: runIcon,
    isEnabled: hasNotebook,
    describedBy: { args: aboutNotebook },
    execute: args =>
      attempt(async () => {
        const path = pathOf(args);
        if (path !== undefined) {
          await notebooks.save(path);
          model.putJob(await ask<IJob>('rehearsals', { body: { path: notebooks.localPath(path) } }));
        }
      })
  });

  commands.addCommand(CommandIDs.showPanel, {
    label: trans.__('Show Submissions and Leaderboard'),
    caption: trans.__('Show the panel of blind submissions'),
    icon: blindIcon,
    describedBy: { args: { type: 'object', properties: {} } },
    execute: showPanel
  });

  const join = async (gateway?: string): Promise<void> => {
    const { JoinPage } = await import('./join');
    const page = new JoinPage({
      context,
      gateway,
      folder: () => (browser ? notebooks.localPath(browser.model.path) : ''),
      open: kit => void attempt(() => openStarter(kit))
    });
    show(page);
  };
  const openStarter = async (kit: IKit): Promise<void> => {
    await options.reload();
    model.current = model.kits?.find(one => one.gateway === kit.gateway && one.challenge === kit.challenge);
    if (kit.notebook === undefined) {
      Notification.warning(trans.__('The kit is in %1, which Jupyter does not show.', kit.folder));
      return;
    }
    await app.serviceManager.kernelspecs.refreshSpecs();
    await commands.execute('docmanager:open', {
      path: kit.notebook,
      factory: 'Notebook',
      kernel: { name: kit.kernel }
    });
    showPanel();
  };

  commands.addCommand(CommandIDs.join, {
    label: args => (args.isLauncher ? trans.__('Join a challenge') : trans.__('Join a Challenge…')),
    caption: trans.__('Get the starter kit of a challenge, and its kernel'),
    icon: blindIcon,
    describedBy: {
      args: { type: 'object', properties: { gateway: { type: 'string' } } }
    },
    execute: args => join(text(args, 'gateway'))
  });

  commands.addCommand(CommandIDs.login, {
    label: trans.__('Enter a Token…'),
    caption: trans.__('Log in to a gateway with the token from your invitation'),
    describedBy: {
      args: { type: 'object', properties: { gateway: { type: 'string' } } }
    },
    execute: args => join(text(args, 'gateway') ?? model.current?.gateway)
  });

  commands.addCommand(CommandIDs.updateKit, {
    label: trans.__('Update the Starter Kit'),
    caption: trans.__('Fetch the newest starter kit; your own notebooks are kept'),
    icon: refreshIcon,
    isEnabled: () => model.current?.path !== undefined && !model.current.codabench,
    describedBy: { args: { type: 'object', properties: {} } },
    execute: () =>
      attempt(async () => {
        const kit = model.current;
        if (kit?.path !== undefined) {
          const { gateway, challenge, path } = kit;
          model.putJob(await ask<IJob>('joins', { body: { gateway, challenge, folder: path } }));
        }
      })
  });

  const whereIs = (id: string): Where => {
    const found = model.submission(id);
    return { gateway: found?.gateway, challenge: found?.challenge };
  };
  const isOnCodabench = (id: string): boolean => !!model.submission(id)?.said;

  /** Do something with a submission: `work` gets its address at the server, and the gateway it is at. */
  const withSubmission =
    (work: (id: string, address: string, query: Where) => Promise<void>) =>
    (args: Args): Promise<void> =>
      attempt(async () => {
        const id = text(args, 'id') ?? '';
        await work(id, `submissions/${id}`, whereIs(id));
      });

  commands.addCommand(CommandIDs.openSent, {
    label: trans.__('Open the Notebook as It Was Sent'),
    icon: notebookIcon,
    describedBy: { args: aboutSubmission },
    execute: withSubmission(async (_, address, query) => {
      const { path } = await ask<{ path: string }>(`${address}/open`, { body: {}, query });
      await commands.execute('docmanager:open', { path });
    })
  });

  commands.addCommand(CommandIDs.cancel, {
    label: trans.__('Cancel the Submission'),
    describedBy: { args: aboutSubmission },
    execute: withSubmission(async (id, address, query) => {
      const sure = await confirm(
        trans.__('Cancel this submission?'),
        isOnCodabench(id)
          ? trans.__('The Codabench server counts it all the same.')
          : model.submission(id)?.state === 'running'
            ? trans.__('It runs on the real data already: it counts against your quota.')
            : trans.__('It has not run on the real data yet, and will not count.'),
        Dialog.cancelButton({ label: trans.__('Let it run') }),
        Dialog.warnButton({ label: trans.__('Cancel it') })
      );
      if (sure) {
        model.put(await ask<ISubmission>(`${address}/cancel`, { body: {}, query }));
      }
    })
  });

  commands.addCommand(CommandIDs.again, {
    label: trans.__('Submit Again'),
    describedBy: { args: aboutSubmission },
    execute: withSubmission(async (id, address, query) => {
      const sure = await confirm(
        trans.__('Submit this notebook again?'),
        trans.__('It is sent exactly as before, and counts against your quota.'),
        Dialog.cancelButton({ label: trans.__('Cancel') }),
        Dialog.okButton({
          label: isOnCodabench(id) ? trans.__('Submit to Codabench') : trans.__('Submit blind')
        })
      );
      if (sure) {
        model.put(await ask<ISubmission>(`${address}/again`, { body: {}, query }));
      }
    })
  });

  commands.addCommand(CommandIDs.copyReceipt, {
    label: trans.__('Copy the Receipt'),
    describedBy: { args: aboutSubmission },
    execute: withSubmission(async (_, address, query) => {
      const receipt = await ask<unknown>(`${address}/receipt`, { query });
      Clipboard.copyToSystem(JSON.stringify(receipt, undefined, 2));
      Notification.success(trans.__('The receipt is in the clipboard; it was verified.'), {
        autoClose: 3000
      });
    })
  });

  commands.addCommand(CommandIDs.openLog, {
    label: trans.__('Open the Rehearsal Log'),
    describedBy: {
      args: { type: 'object', properties: { id: { type: 'string' }, job: { type: 'string' } } }
    },
    execute: args =>
      attempt(async () => {
        const job = text(args, 'job');
        const id = text(args, 'id') ?? '';
        let log: ILog;
        if (job !== undefined) {
          const found = await ask<IJob>(`jobs/${job}`);
          log = { title: found.title, text: found.log };
        } else {
          log = await ask<ILog>(`submissions/${id}/log`, {
            query: whereIs(id)
          });
        }
        const { createLog } = await import('./log');
        const widget = await createLog({ ...log, title: trans.__('Log of %1', log.title) }, rendermime);
        widget.id = `participant-kit-log-${job ?? id}`;
        show(widget);
      })
  });

  commands.addCommand(CommandIDs.goToCell, {
    label: trans.__('Go to the Cell That Failed'),
    describedBy: {
      args: {
        type: 'object',
        required: ['cell'],
        properties: {
          id: { type: 'string', description: 'The submission, or else:' },
          path: { type: 'string', description: 'The notebook' },
          cell: { type: 'integer', description: 'Counts from 1' }
        }
      }
    },
    execute: args =>
      attempt(async () => {
        const cell = Number(args.cell);
        const id = text(args, 'id');
        let path = text(args, 'path') ?? (id && model.submission(id)?.notebook);
        if (path && (await notebooks.goToCell(path, cell))) {
          return;
        }
        if (id === undefined) {
          Notification.warning(trans.__('The notebook has no cell %1 any more.', cell));
          return;
        }
        // It was moved, deleted or shortened: the one that was sent has the cell.
        ({ path } = await ask<{ path: string }>(`submissions/${id}/open`, {
          body: {},
          query: whereIs(id)
        }));
        Notification.info(trans.__('Your notebook was moved or changed; this is the one that was sent.'), {
          autoClose: 5000
        });
        await notebooks.goToCell(path, cell);
      })
  });

  commands.addCommand(CommandIDs.stopJob, {
    label: trans.__('Stop'),
    describedBy: { args: aboutSubmission },
    execute: args =>
      attempt(async () => {
        await ask<IJob>(`jobs/${text(args, 'id') ?? ''}`, { method: 'DELETE' });
      })
  });
}

async function confirm(title: string, body: string, ...buttons: Dialog.IButton[]): Promise<boolean> {
  return (await showDialog({ title, body, buttons })).button.accept;
}
