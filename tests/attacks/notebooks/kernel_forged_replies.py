# tries: signs replies with its kernel's own key, so that the driving program takes them for cells' ends
# success: papermill writes or says something outside
# wall: the driving program is inside too, and the runner does not believe it
# expect: scored or failed
kernel = get_ipython().kernel
reply = {
    "status": "ok",
    "execution_count": 10**9,
    "payload": [{"source": canary}],
    "user_expressions": {canary: canary},
}
for kind in ("execute_reply", "status", "shutdown_reply", "input_request"):
    kernel.session.send(
        kernel.iopub_socket, kind, {**reply, "execution_state": "idle", "prompt": canary}, parent=kernel.get_parent()
    )
