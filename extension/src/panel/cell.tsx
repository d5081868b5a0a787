import * as React from 'react';

import { useView } from '../context';
import { CommandIDs } from '../tokens';

/** Leads to the cell that failed: of a submission by its `id`, or of the notebook at `path`. */
export function GoToCell(props: { cell: number; id?: string; path?: string }): React.ReactElement {
  const { commands, trans } = useView();
  return (
    <button
      type="button"
      className="pkit-Link"
      onClick={() => void commands.execute(CommandIDs.goToCell, { ...props })}
    >
      {trans.__('Go to cell %1', props.cell)}
    </button>
  );
}
