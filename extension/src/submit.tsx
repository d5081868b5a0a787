import { Dialog, ReactWidget } from '@jupyterlab/apputils';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

import { type IViewContext, useView, ViewProvider } from './context';
import { bitsLeft, formatAgo, formatBits, formatMoment, submissionsLeft } from './format';
import type { IFinding, IKit, IPreview, IProblem, ISend, ISubmission } from './messages';
import type { Notebooks } from './notebooks';
import { Notice, ProblemNotice } from './panel/notice';
import { ask, problemOf } from './request';

/** What the dialog needs of the world. */
export interface ISubmitOptions {
  path: string;
  context: IViewContext;
  notebooks: Notebooks;
  /** Where it goes; unset for the gateway of a notebook's own kit. */
  codabench?: IKit;
  /** Only show what the check finds; nothing can be sent. */
  checkOnly?: boolean;
}

/**
 * Ask before a notebook is sent: findings, quota and budget are shown, and nothing leaves before the button is
 * pressed. Resolves to the submission, or to null when there is none.
 */
export class SubmitDialog extends Dialog<ISubmission | null> {
  constructor(options: ISubmitOptions) {
    const { trans } = options.context;
    const body = new SubmitBody(options);
    const close = Dialog.cancelButton({
      label: options.checkOnly ? trans.__('Close') : trans.__('Cancel')
    });
    const send = Dialog.okButton({
      label: options.codabench ? trans.__('Submit to Codabench') : trans.__('Submit blind'),
      className: 'pkit-Submit-send'
    });
    super({
      title: options.checkOnly
        ? trans.__('Check %1', nameOf(options.path))
        : options.codabench
          ? trans.__('Submit %1 to Codabench', nameOf(options.path))
          : trans.__('Submit %1 blind', nameOf(options.path)),
      body,
      buttons: options.checkOnly ? [close] : [close, send],
      defaultButton: options.checkOnly ? 0 : 1,
      hasClose: true
    });
    this._form = body;
    this._sends = !options.checkOnly;
    this.addClass('pkit-SubmitDialog');
    body.changed = () => this._enable();
    body.leave = () => this.reject();
    this._enable();
  }

  /** Pressing the button sends, and the dialog stays until that has worked. */
  override resolve(index?: number): void {
    const accepted = (index ?? (this._sends ? 1 : 0)) === 1;
    if (!accepted || !this._sends) {
      super.resolve(0);
      return;
    }
    if (!this._form.canSend) {
      return;
    }
    void this._form.send().then(sent => {
      if (sent) {
        super.resolve(1);
      }
    });
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this._sends) {
      this._form.node.focus();
      this._enable();
    }
  }

  private _enable(): void {
    const button = this.node.querySelector<HTMLButtonElement>('.pkit-Submit-send');
    if (button) {
      const focused = document.activeElement;
      button.disabled = !this._form.canSend;
      if (this._form.canSend && focused === this._form.node) {
        button.focus();
      } else if (!this._form.canSend && focused === button) {
        this._form.node.focus(); // a disabled button loses the focus, and Escape would reach the dialog no more
      }
      button.setAttribute('aria-busy', String(this._form.sending));
    }
  }

  private readonly _form: SubmitBody;
  private readonly _sends: boolean;
}

class SubmitBody extends ReactWidget implements Dialog.IBodyWidget<ISubmission | null> {
  changed: () => void = () => undefined;
  leave: () => void = () => undefined;
  sending = false;

  constructor(private readonly _options: ISubmitOptions) {
    super();
    this.addClass('pkit-Submit');
    this.node.tabIndex = -1; // takes the focus until there is a button that can be pressed
    void this.load();
  }

  getValue(): ISubmission | null {
    return this._sent;
  }

  /** Whether the button may be pressed: no error, no problem, and every warning overridden. */
  get canSend(): boolean {
    const preview = this._preview;
    return (
      !!preview &&
      !this.sending &&
      !preview.problem &&
      !preview.findings.some(finding => finding.level === 'error') &&
      (this._override || preview.findings.length === 0) &&
      !outOfQuota(preview)
    );
  }

  /** Save the notebook, and ask what there is to know. */
  async load(): Promise<void> {
    const { path, notebooks } = this._options;
    this._problem = undefined;
    this._preview = undefined;
    this._draw();
    try {
      await notebooks.save(path);
      this._preview = await ask<IPreview>('preview', {
        body: { path: notebooks.localPath(path), target: this._options.codabench?.folder }
      });
    } catch (error) {
      this._problem = problemOf(error);
    }
    this._draw();
  }

  /** Send the notebook. Whether that has worked; if not, the dialog says why. */
  async send(): Promise<boolean> {
    const { path, notebooks } = this._options;
    this.sending = true;
    this._problem = undefined;
    this._draw();
    const body: ISend = {
      path: notebooks.localPath(path),
      target: this._options.codabench?.folder,
      phase: this._preview?.phase,
      name: this._name,
      note: this._note,
      override: this._override
    };
    try {
      this._sent = await ask<ISubmission>('submissions', { body });
    } catch (error) {
      this._problem = problemOf(error);
      if (this._problem.findings?.length && this._preview) {
        this._preview = { ...this._preview, findings: this._problem.findings };
      }
    }
    this.sending = false;
    this._draw();
    return this._sent !== null;
  }

  protected override render(): React.ReactElement {
    const { context, path, notebooks, checkOnly } = this._options;
    return (
      <ViewProvider context={context}>
        <SubmitView
          preview={this._preview}
          problem={this._problem}
          sending={this.sending}
          checkOnly={checkOnly ?? false}
          noKernel={notebooks.hasNoKernel(path)}
          override={this._override}
          name={this._name}
          note={this._note}
          set={update => {
            this._override = update.override ?? this._override;
            this._name = update.name ?? this._name;
            this._note = update.note ?? this._note;
            this._draw();
          }}
          retry={() => void this.load()}
          leave={() => this.leave()}
          goTo={cell => {
            this.leave();
            void notebooks.goToCell(path, cell);
          }}
        />
      </ViewProvider>
    );
  }

  private _draw(): void {
    this.update();
    this.changed();
  }

  private _preview: IPreview | undefined;
  private _problem: IProblem | undefined;
  private _sent: ISubmission | null = null;
  private _override = false;
  private _name = '';
  private _note = '';
}

interface ISubmitViewProps {
  preview?: IPreview;
  problem?: IProblem;
  sending: boolean;
  checkOnly: boolean;
  noKernel: boolean;
  override: boolean;
  name: string;
  note: string;
  set: (update: { override?: boolean; name?: string; note?: string }) => void;
  retry: () => void;
  goTo: (cell: number) => void;
  leave: () => void;
}

/** What the dialog shows. */
export function SubmitView(props: ISubmitViewProps): React.ReactElement {
  const { preview, problem, checkOnly, set } = props;
  const { trans } = useView();
  if (!preview) {
    return problem ? (
      <ProblemNotice problem={problem} retry={props.retry} leave={props.leave} />
    ) : (
      <Notice title={trans.__('Checking the notebook …')} />
    );
  }
  const errors = preview.findings.filter(finding => finding.level === 'error');
  const warnings = preview.findings.length - errors.length;
  return (
    <div className="pkit-Submit-body" aria-busy={props.sending}>
      {problem && (
        <ProblemNotice
          problem={problem}
          gateway={preview.kit.gateway}
          retry={props.retry}
          leave={props.leave}
        />
      )}
      {!checkOnly && <Allowance preview={preview} retry={props.retry} leave={props.leave} />}
      {props.noKernel && (
        <Notice kind="warning" title={trans.__('This notebook has no kernel here.')}>
          {trans.__(
            "It can be submitted, and runs in the challenge's environment. To try it, choose the kernel %1.",
            preview.kit.kernel
          )}
        </Notice>
      )}
      {preview.findings.length === 0 ? (
        <p className="pkit-Submit-fine">{trans.__('The check found nothing wrong.')}</p>
      ) : (
        <section aria-label={trans.__('Findings')}>
          <h3>
            {errors.length > 0
              ? trans._n(
                  '%1 mistake must be corrected before this notebook can be sent',
                  '%1 mistakes must be corrected before this notebook can be sent',
                  errors.length
                )
              : trans._n('%1 warning', '%1 warnings', warnings)}
          </h3>
          <ul className="pkit-Findings">
            {preview.findings.map((finding, index) => (
              <FindingItem key={index} finding={finding} goTo={props.goTo} />
            ))}
          </ul>
          {errors.length === 0 && !checkOnly && (
            <label className="pkit-Submit-override">
              <input
                type="checkbox"
                checked={props.override}
                onChange={event => set({ override: event.target.checked })}
              />
              {trans.__('Submit in spite of these warnings')}
            </label>
          )}
        </section>
      )}
      {!checkOnly && (
        <div className="pkit-Submit-own">
          <label>
            {trans.__('Name (optional)')}
            <input
              type="text"
              className="jp-mod-styled"
              maxLength={200}
              value={props.name}
              placeholder={trans.__('such as: boosting, deeper trees')}
              onChange={event => set({ name: event.target.value })}
            />
          </label>
          <label>
            {trans.__('Note (optional)')}
            <textarea
              className="jp-mod-styled"
              maxLength={2000}
              rows={2}
              value={props.note}
              onChange={event => set({ note: event.target.value })}
            />
          </label>
          <p className="pkit-Hint">
            {trans.__('Name and note are for yourself; they stay on this machine.')}
          </p>
        </div>
      )}
      <div role="status" className="pkit-Submit-status">
        {!props.sending
          ? ''
          : preview.kit.codabench
            ? trans.__('Sending …')
            : trans.__('Sealing and sending …')}
      </div>
    </div>
  );
}

/** The challenge, its phase, and what is left of quota and budget. */
function Allowance(props: { preview: IPreview; retry: () => void; leave: () => void }): React.ReactElement {
  const { preview } = props;
  const { trans, locale } = useView();
  const { quota, most_bits, budget_bits } = preview;
  const phase = preview.phases.find(one => one.name === preview.phase);
  const now = Date.now();
  const left = quota && submissionsLeft(quota);
  return (
    <section aria-label={trans.__('Challenge')}>
      <dl className="pkit-Facts">
        <dt>{trans.__('Challenge')}</dt>
        <dd>{preview.kit.title}</dd>
        <dt>{trans.__('Phase')}</dt>
        <dd>
          {!phase
            ? trans.__('none is open')
            : phase.ends === undefined
              ? phase.name
              : trans.__('%1, ends %2', phase.name, formatAgo(phase.ends, now, locale))}
        </dd>
        {quota && (
          <>
            <dt>{trans.__('Quota')}</dt>
            <dd>
              {left === undefined
                ? trans.__('no limit')
                : quota.per_day !== undefined
                  ? trans.__(
                      '%1 of %2 left today',
                      Math.max(0, Math.min(left, quota.per_day - quota.used_today)),
                      quota.per_day
                    )
                  : trans.__('%1 of %2 left', left, quota.total ?? 0)}
            </dd>
          </>
        )}
        {most_bits !== undefined && budget_bits !== undefined && (
          <>
            <dt>{trans.__('Release budget')}</dt>
            <dd>
              {quota
                ? trans.__(
                    'this run can reveal at most %1 bits; %2 allowed, %3 left',
                    formatBits(most_bits, locale),
                    formatBits(budget_bits, locale),
                    formatBits(bitsLeft(quota, budget_bits), locale)
                  )
                : trans.__(
                    'this run can reveal at most %1 bits; %2 allowed',
                    formatBits(most_bits, locale),
                    formatBits(budget_bits, locale)
                  )}
            </dd>
          </>
        )}
      </dl>
      {preview.kit.codabench && (
        <Notice kind="warning" title={trans.__('A Codabench server: the notebook is not sealed.')}>
          {trans.__(
            'Whoever runs %1 and its workers can read it, and the organizer chooses which logs and scores are shown.',
            preview.kit.gateway
          )}
        </Notice>
      )}
      {preview.problem && (
        <ProblemNotice
          problem={preview.problem}
          gateway={preview.kit.gateway}
          retry={props.retry}
          leave={props.leave}
        />
      )}
      {!preview.problem && outOfQuota(preview) && quota && (
        <Notice kind="error" title={trans.__('Nothing is left to submit with.')}>
          {left === 0
            ? trans.__('Your quota is spent; it resets %1.', formatMoment(quota.resets_at, locale))
            : trans.__(
                'One more run could reveal more about the data than the challenge allows you in this phase.'
              )}
        </Notice>
      )}
    </section>
  );
}

function FindingItem(props: { finding: IFinding; goTo: (cell: number) => void }): React.ReactElement {
  const { finding } = props;
  const { trans } = useView();
  const text = (
    <>
      <span className={`pkit-Badge pkit-mod-${finding.level}`}>
        {finding.level === 'error' ? trans.__('error') : trans.__('warning')}
      </span>{' '}
      {finding.found && <>{trans.__('found %1; ', finding.found)}</>}
      {trans.__('expected %1', finding.expected)}
    </>
  );
  const { cell } = finding;
  return (
    <li>
      {cell === undefined ? (
        text
      ) : (
        <>
          {text}{' '}
          <button type="button" className="pkit-Link" onClick={() => props.goTo(cell)}>
            {finding.line === undefined
              ? trans.__('Go to cell %1', cell)
              : trans.__('Go to cell %1, line %2', cell, finding.line)}
          </button>
        </>
      )}
    </li>
  );
}

/** Whether quota or budget would refuse one more run. */
export function outOfQuota(preview: IPreview): boolean {
  const { quota } = preview;
  if (!quota) {
    return false;
  }
  const { most_bits, budget_bits } = preview;
  if (submissionsLeft(quota) === 0 || most_bits === undefined || budget_bits === undefined) {
    return submissionsLeft(quota) === 0;
  }
  // What was revealed comes rounded; whether a run is just within the budget, the secure side decides.
  return bitsLeft(quota, budget_bits) < most_bits - 0.001;
}

function nameOf(path: string): string {
  return path.split('/').pop() ?? path;
}
