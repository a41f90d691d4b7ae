"""An agent's mover: mover.py INCOMING VAULT close|rename DELAY_MS. As inotifywait and mv do, it takes each file when it is
closed after writing (`close`), or each without a dot when it gets its name by a rename (`rename`), at once or a little later."""
import ctypes
import os
import struct
import sys
import threading

incoming, vault, when, delay = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]) / 1000
IN_CLOSE_WRITE, IN_MOVED_TO = 0x8, 0x80
libc = ctypes.CDLL(None, use_errno=True)
watch = libc.inotify_init()
if libc.inotify_add_watch(watch, os.fsencode(incoming), IN_CLOSE_WRITE | IN_MOVED_TO if when == 'close' else IN_MOVED_TO) < 0:
    sys.exit(os.strerror(ctypes.get_errno()))
print('listening', flush=True)


def take(name):
    try:
        os.rename(os.path.join(os.fsencode(incoming), name), os.path.join(os.fsencode(vault), name))
    except FileNotFoundError:
        pass


while True:
    events = os.read(watch, 65536)
    while events:
        length = struct.unpack_from('iIII', events)[3]
        name = events[16:16 + length].rstrip(b'\0')
        events = events[16 + length:]
        if not name.startswith(b'.sftpgo-upload.' if when == 'close' else b'.'):
            threading.Timer(delay, take, [name]).start() if delay else take(name)
