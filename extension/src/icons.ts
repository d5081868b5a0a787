import { LabIcon } from '@jupyterlab/ui-components';

import blind from '../style/icons/blind.svg';

/** An eye that is covered, over a paper plane's path: sent, and not seen. */
export const blindIcon = new LabIcon({
  name: 'participant-kit:blind',
  svgstr: blind
});
