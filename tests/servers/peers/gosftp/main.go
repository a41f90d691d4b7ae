// An SFTP server on github.com/pkg/sftp, as Go programs make one: gosftp ADDRESS ROOT HOSTKEY AUTHORIZEDKEY USER PASSWORD.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"net"
	"os"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

func main() {
	if len(os.Args) != 7 {
		log.Fatal("gosftp ADDRESS ROOT HOSTKEY AUTHORIZEDKEY USER PASSWORD")
	}
	address, root, user, password := os.Args[1], os.Args[2], os.Args[5], os.Args[6]
	hostKey, err := ssh.ParsePrivateKey(read(os.Args[3]))
	if err != nil {
		log.Fatal(err)
	}
	allowed, _, _, _, err := ssh.ParseAuthorizedKey(read(os.Args[4]))
	if err != nil {
		log.Fatal(err)
	}
	refused := errors.New("refused")
	config := &ssh.ServerConfig{
		PasswordCallback: func(c ssh.ConnMetadata, given []byte) (*ssh.Permissions, error) {
			if c.User() == user && string(given) == password {
				return nil, nil
			}
			return nil, refused
		},
		PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if c.User() == user && bytes.Equal(key.Marshal(), allowed.Marshal()) {
				return nil, nil
			}
			return nil, refused
		},
	}
	config.AddHostKey(hostKey)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening")
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(connection, config, root)
	}
}

func read(path string) []byte {
	content, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	return content
}

func serve(connection net.Conn, config *ssh.ServerConfig, root string) {
	_, channels, requests, err := ssh.NewServerConn(connection, config)
	if err != nil {
		log.Print(err)
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		if offered.ChannelType() != "session" {
			_ = offered.Reject(ssh.UnknownChannelType, "only sessions")
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			log.Print(err)
			return
		}
		go func() {
			for request := range requests {
				isSftp := request.Type == "subsystem" && bytes.HasSuffix(request.Payload, []byte("sftp"))
				_ = request.Reply(isSftp, nil)
				if isSftp {
					go files(channel, root)
				}
			}
		}()
	}
}

func files(channel ssh.Channel, root string) {
	defer channel.Close()
	server, err := sftp.NewServer(channel, sftp.WithServerWorkingDirectory(root))
	if err != nil {
		log.Print(err)
		return
	}
	if err := server.Serve(); err != nil {
		log.Print(err)
	}
}
