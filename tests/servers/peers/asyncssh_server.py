"""An SFTP server on AsyncSSH: asyncssh_server.py PORT ROOT HOSTKEY AUTHORIZED_KEYS USER PASSWORD [MODE].
atomic: SFTPGo's upload_mode 1: a file has another name until its close, and is removed when the connection is lost.
atomic-resume: its upload_mode 2: what a lost connection left gets the name after all, when the server notices.
standard: its upload_mode 0, which is how AsyncSSH works without a mode, too."""
import asyncio
import os
import sys

import asyncssh
from asyncssh import FXF_WRITE

port, root, host_key, authorized, user, password = sys.argv[1:7]
mode = sys.argv[7] if len(sys.argv) > 7 else None


class Files(asyncssh.SFTPServer):
    def __init__(self, channel):
        super().__init__(channel, chroot=root.encode())
        self.unnamed = {}

    def open(self, path, pflags, attrs):
        if mode in (None, 'standard') or not pflags & FXF_WRITE:
            return super().open(path, pflags, attrs)
        name = self.map_path(path)
        if not os.path.isdir(os.path.dirname(name)):
            raise asyncssh.SFTPNoSuchFile('no such directory')
        # SFTPGo goes on with a file only where it has one of the name; what is under way has none.
        resumes = os.path.exists(name) and not pflags & asyncssh.FXF_TRUNC
        if not resumes and not pflags & asyncssh.FXF_CREAT:
            raise asyncssh.SFTPNoSuchFile('no such file')
        temporary = os.path.join(os.path.dirname(name), b'.sftpgo-upload.' + os.urandom(6).hex().encode())
        if resumes:
            os.rename(name, temporary)
        file = open(temporary, 'r+b' if resumes else 'w+b')
        self.unnamed[file] = (temporary, name)
        return file

    def close(self, file):
        temporary, name = self.unnamed.pop(file, (None, None))
        super().close(file)
        if temporary:
            os.replace(temporary, name)

    def exit(self):
        for file, (temporary, name) in self.unnamed.items():
            file.close()
            if mode == 'atomic':
                os.remove(temporary)
            else:
                os.replace(temporary, name)
        self.unnamed.clear()
        super().exit()


class Login(asyncssh.SSHServer):
    def password_auth_supported(self):
        return True

    def validate_password(self, username, given):
        return (username, given) == (user, password)


async def main():
    await asyncssh.listen(
        '127.0.0.1', int(port), server_factory=Login, server_host_keys=[host_key],
        authorized_client_keys=authorized, sftp_factory=Files,
        **({'server_version': 'SFTPGo'} if mode else {}))
    print('listening', flush=True)
    await asyncio.get_running_loop().create_future()


asyncio.run(main())
