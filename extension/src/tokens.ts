/** Names of the commands; users bind keys to them and find them in the palette. */
export const CommandIDs = {
  check: 'participant-kit:check',
  rehearse: 'participant-kit:rehearse',
  submit: 'participant-kit:submit',
  join: 'participant-kit:join',
  login: 'participant-kit:login',
  updateKit: 'participant-kit:update-kit',
  showPanel: 'participant-kit:show-panel',
  openSent: 'participant-kit:open-sent',
  openLog: 'participant-kit:open-log',
  goToCell: 'participant-kit:go-to-cell',
  cancel: 'participant-kit:cancel',
  again: 'participant-kit:submit-again',
  copyReceipt: 'participant-kit:copy-receipt',
  stopJob: 'participant-kit:stop-job'
} as const;

/** The plugin, its settings, and the domain of its translations. */
export const PLUGIN_ID = 'participant-kit:plugin';
export const DOMAIN = 'participant_kit';
