"""Types lines into an interactive shell, a key behind each, and prints what they became, one a line.

    type_in_shell.py KEY SHELL SETUP LINE..    KEY: tab, or all (bash: inserts every candidate)

SHELL is a command, split at spaces; SETUP is typed before the lines. The shell writes each line into a file in the
current folder, so that nothing is read from its screen.
"""
import os
import pty
import shlex
import sys
import threading
import time

KEYS = {"tab": "\t", "all": "\x1b*"}


def type_in(terminal, text):
    os.write(terminal, text.encode())


def drain(terminal):
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        pass  # the shell has gone


def written(path, seconds=60):
    """What the shell writes there, once it is a whole line."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if os.path.exists(path):
            with open(path) as file:
                text = file.read()
            if text.endswith("\n"):
                os.remove(path)
                return text
        time.sleep(0.02)
    sys.exit(f"{sys.argv[2]}: nothing came within {seconds} s")


key, shell, setup, lines = KEYS[sys.argv[1]], shlex.split(sys.argv[2]), sys.argv[3], sys.argv[4:]
pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    os.execvp(shell[0], shell)
threading.Thread(target=drain, args=[terminal], daemon=True).start()
type_in(terminal, f"{setup}\necho ready >typed.txt\n")
written("typed.txt")
for line in lines:
    time.sleep(0.1)  # for its prompt
    type_in(terminal, line + key)
    # At the line's begin `echo`, at its end where to.
    type_in(terminal, "\x01echo \x05 >typed.txt\n")
    print(written("typed.txt").rstrip())
type_in(terminal, "exit\n")
os.waitpid(pid, 0)
