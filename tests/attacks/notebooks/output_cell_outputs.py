# tries: opens comms, updates displays, sets payloads and clears outputs
# success: any of these messages is outside
# wall: what a cell puts out stays in the sandbox's memory and goes with it; the reply has no field for it
# expect: scored
from IPython.display import clear_output, display

handle = display(canary, display_id=canary)
handle.update(canary[::-1])
clear_output(wait=True)
kernel = get_ipython().kernel
kernel.shell.payload_manager.write_payload({"source": "page", "data": {"text/plain": canary}})
for kind in ("comm_open", "status", "execute_input", "update_display_data"):
    content = {
        "comm_id": canary,
        "target_name": canary,
        "data": {"note": canary},
        "execution_state": canary,
        "code": canary,
    }
    kernel.session.send(kernel.iopub_socket, kind, {**content, "metadata": {}, "transient": {"display_id": canary}})
