import { MainAreaWidget } from '@jupyterlab/apputils';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { Panel } from '@lumino/widgets';

import { blindIcon } from './icons';
import type { ILog } from './messages';

const MIME = 'application/vnd.jupyter.stdout';

/** The log of a rehearsal in a tab, with its colours. */
export async function createLog(log: ILog, rendermime: IRenderMimeRegistry): Promise<MainAreaWidget<Panel>> {
  const renderer = rendermime.createRenderer(MIME);
  await renderer.renderModel(rendermime.createModel({ data: { [MIME]: log.text } }));
  const content = new Panel();
  content.addClass('pkit-Log');
  content.node.tabIndex = 0;
  content.node.setAttribute('role', 'document');
  content.node.setAttribute('aria-label', log.title);
  content.addWidget(renderer);
  const widget = new MainAreaWidget({ content });
  widget.title.label = log.title;
  widget.title.icon = blindIcon;
  widget.title.closable = true;
  return widget;
}
