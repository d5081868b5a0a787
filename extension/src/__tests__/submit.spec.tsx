import { fireEvent, screen } from '@testing-library/react';
import * as React from 'react';

import type { IPreview } from '../messages';
import { outOfQuota, SubmitView } from '../submit';
import { finding, preview, quota, violations, World } from './support';

type Props = React.ComponentProps<typeof SubmitView>;

function show(some: Partial<Props> = {}): World & { container: HTMLElement; props: Props } {
  const props: Props = {
    preview: preview(),
    sending: false,
    checkOnly: false,
    noKernel: false,
    override: false,
    name: '',
    note: '',
    set: jest.fn(),
    retry: jest.fn(),
    goTo: jest.fn(),
    leave: jest.fn(),
    ...some
  };
  const world = new World();
  const { container } = world.show(<SubmitView {...props} />);
  return Object.assign(world, { container, props });
}

const warning = finding({ level: 'warning', cell: 3, line: 7 });

describe('SubmitView', () => {
  it('says what is left before anything is sent', async () => {
    const { container } = show();
    expect(container.textContent).toContain('Who has diabetes?');
    expect(container.textContent).toContain('8 of 10 left today');
    expect(container.textContent).toContain('this run can reveal at most 12.3 bits; 1,000 allowed, 960 left');
    expect(container.textContent).toContain('The check found nothing wrong.');
    expect(screen.queryByRole('checkbox')).toBeNull();
    expect(await violations(container)).toEqual([]);
  });

  it('offers no way around mistakes', async () => {
    const { container } = show({ preview: preview({ findings: [finding(), warning] }) });
    screen.getByText('1 mistake must be corrected before this notebook can be sent');
    expect(screen.queryByRole('checkbox')).toBeNull();
    expect(await violations(container)).toEqual([]);
  });

  it('lets warnings be overridden, by hand', async () => {
    const { container, props } = show({ preview: preview({ findings: [warning, warning] }) });
    screen.getByText('2 warnings');
    const override = screen.getByRole<HTMLInputElement>('checkbox', {
      name: 'Submit in spite of these warnings'
    });
    expect(override.checked).toBe(false);
    fireEvent.click(override);
    expect(props.set).toHaveBeenCalledWith({ override: true });
    expect(await violations(container)).toEqual([]);
  });

  it('leads from a finding to its cell', () => {
    const { props } = show({ preview: preview({ findings: [warning, finding()] }) });
    fireEvent.click(screen.getByRole('button', { name: 'Go to cell 3, line 7' }));
    expect(props.goTo).toHaveBeenCalledWith(3);
    expect(screen.getAllByRole('button')).toHaveLength(1);
  });

  it('only looks when it is asked to check', () => {
    const { container } = show({ checkOnly: true, preview: preview({ findings: [warning] }) });
    expect(screen.queryByRole('checkbox')).toBeNull();
    expect(screen.queryByRole('textbox')).toBeNull();
    expect(container.textContent).not.toContain('Quota');
  });

  it('asks for a name and a note', () => {
    const { props } = show();
    fireEvent.change(screen.getByRole('textbox', { name: 'Name (optional)' }), {
      target: { value: 'deeper trees' }
    });
    expect(props.set).toHaveBeenCalledWith({ name: 'deeper trees' });
    fireEvent.change(screen.getByRole('textbox', { name: 'Note (optional)' }), {
      target: { value: 'as it came' }
    });
    expect(props.set).toHaveBeenCalledWith({ note: 'as it came' });
  });

  it('says that the quota is spent, and until when', async () => {
    const { container } = show({ preview: preview({ quota: quota({ used_today: 10 }) }) });
    expect(screen.getByRole('alert').textContent).toMatch(/Your quota is spent; it resets .*21\d\d/);
    expect(await violations(container)).toEqual([]);
  });

  it('says that the budget is spent', () => {
    show({ preview: preview({ quota: quota({ revealed_bits: 995 }) }) });
    expect(screen.getByRole('alert').textContent).toMatch(/could reveal more about the data/);
  });

  it('says why the gateway gave no quota, and what to do', () => {
    const problem = { code: 'token_expired', message: '', hint: '' };
    const { done, props } = show({ preview: preview({ quota: undefined, problem }) });
    fireEvent.click(screen.getByRole('button', { name: 'Enter a token' }));
    expect(done).toEqual([['participant-kit:login', { gateway: preview().kit.gateway }]]);
    expect(props.leave).toHaveBeenCalled(); // the page is behind the dialog
  });

  it('says that a notebook has no kernel, and which one it should have', () => {
    const { container } = show({ noKernel: true });
    expect(container.textContent).toContain('choose the kernel pkit-nhanes.');
  });

  it('says that it is at work', () => {
    show({ preview: undefined });
    screen.getByText('Checking the notebook …');
  });

  it('says that it is sending', () => {
    show({ sending: true });
    screen.getByText('Sealing and sending …');
  });

  it('can be tried again where the check itself failed', async () => {
    const problem = { code: 'jupyter_unreachable', message: '', hint: '' };
    const { container, props } = show({ preview: undefined, problem });
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(props.retry).toHaveBeenCalled();
    expect(await violations(container)).toEqual([]);
  });
});

describe('outOfQuota', () => {
  const cases: [string, Partial<IPreview>, boolean][] = [
    ['something is left', {}, false],
    ['nothing is known', { quota: undefined }, false],
    ['today is spent', { quota: quota({ used_today: 10 }) }, true],
    ['the phase is spent', { quota: quota({ used_total: 100 }) }, true],
    ['there is no limit', { quota: quota({ per_day: undefined, total: undefined }) }, false],
    ['the budget is just enough', { quota: quota({ revealed_bits: 1000 - 12.3 }) }, false],
    ['the budget is not enough', { quota: quota({ revealed_bits: 988 }) }, true]
  ];
  it.each(cases)('when %s', (_, some, spent) => {
    expect(outOfQuota(preview(some))).toBe(spent);
  });
});
