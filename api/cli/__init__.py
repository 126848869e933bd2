"""The command line ``pblm``: a door for people and for scripts.

It speaks to a running manager over the command socket, as every program on the machine may. HTTP
it uses only where an answer streams.

How a topic is added: write ``api/cli/<topic>.py`` with one function for each command,

.. code-block:: python

    @command()
    @user_argument
    @json_option
    def backup(user_id: str, as_json: bool) -> None:
        '''One line for ``pblm --help``: what it does, without a full stop'''
        with manager() as bus:
            answer = bus.ask(BackupInstance(user_id=user_id), BackupAnswer)
        if as_json:
            tell_json(answer)
        else:
            tell(f"...")

and name it in :data:`api.cli.app.COMMANDS`. Nothing is loaded before it is called for, so a topic
may import what it needs, and one that needs much imports it inside its functions. What it raises as
a :class:`bus.errors.PblmError` becomes one line on standard error and the exit status of
:mod:`api.cli.exits`; it writes ``docs/reference/cli.md``, which ``tests/docs`` compares.
"""
