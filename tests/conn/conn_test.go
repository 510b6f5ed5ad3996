// Pairs of net.Conn whose bytes go through the real programs, tested as any net.Conn.
//
// One end is a client's connection to `in`, the other what `out` dials: a listener of this test.
// The caller (tests/services/test_conn.py) starts the programs and gives both addresses:
//
//	INOUT_IN       HOST:PORT where in listens
//	INOUT_BACKEND  HOST:PORT where this test is to listen, out's backend
package conn

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/nettest"
)

// How long anything may take that has to happen.
const patience = 30 * time.Second

var backend net.Listener

func TestMain(m *testing.M) {
	var err error
	if backend, err = net.Listen("tcp", os.Getenv("INOUT_BACKEND")); err != nil {
		panic(err)
	}
	code := m.Run()
	backend.Close()
	os.Exit(code)
}

// pair opens one stream. No other is being opened, so what arrives belongs to it.
func pair() (client, service *net.TCPConn, err error) {
	c, err := net.DialTimeout("tcp", os.Getenv("INOUT_IN"), patience)
	if err != nil {
		return nil, nil, err
	}
	backend.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	s, err := backend.Accept()
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	return c.(*net.TCPConn), s.(*net.TCPConn), nil
}

func mustPair(t *testing.T) (client, service *net.TCPConn) {
	t.Helper()
	client, service, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); service.Close() })
	for _, c := range []net.Conn{client, service} {
		c.SetDeadline(time.Now().Add(patience))
	}
	return client, service
}

// bothWays runs the test once with the client's end first, and once with the service's.
func bothWays(t *testing.T, test func(t *testing.T, from, to *net.TCPConn)) {
	t.Run("up", func(t *testing.T) {
		client, service := mustPair(t)
		test(t, client, service)
	})
	t.Run("down", func(t *testing.T) {
		client, service := mustPair(t)
		test(t, service, client)
	})
}

func pipe(first func(client, service net.Conn) (c1, c2 net.Conn)) nettest.MakePipe {
	return func() (c1, c2 net.Conn, stop func(), err error) {
		client, service, err := pair()
		if err != nil {
			return nil, nil, nil, err
		}
		c1, c2 = first(client, service)
		return c1, c2, func() { c1.Close(); c2.Close() }, nil
	}
}

func TestConnUp(t *testing.T) {
	nettest.TestConn(t, pipe(func(client, service net.Conn) (net.Conn, net.Conn) {
		return client, service
	}))
}

func TestConnDown(t *testing.T) {
	nettest.TestConn(t, pipe(func(client, service net.Conn) (net.Conn, net.Conn) {
		return service, client
	}))
}

// One direction ends, the other goes on for as long as it likes.
func TestHalfClose(t *testing.T) {
	bothWays(t, func(t *testing.T, from, to *net.TCPConn) {
		question, answer := someBytes(3<<20), someBytes(5<<20)
		go func() {
			from.Write(question)
			from.CloseWrite()
		}()
		got, err := io.ReadAll(to)
		if err != nil || !bytes.Equal(got, question) {
			t.Fatalf("%d of %d bytes, then %v", len(got), len(question), err)
		}
		go func() {
			to.Write(answer)
			to.CloseWrite()
		}()
		got, err = io.ReadAll(from)
		if err != nil || !bytes.Equal(got, answer) {
			t.Fatalf("%d of %d bytes, then %v", len(got), len(answer), err)
		}
	})
}

// A connection that is aborted is an RST at the other end, behind what came before it.
func TestReset(t *testing.T) {
	bothWays(t, func(t *testing.T, from, to *net.TCPConn) {
		said := someBytes(100_000)
		if _, err := from.Write(said); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(said))
		if _, err := io.ReadFull(to, got); err != nil || !bytes.Equal(got, said) {
			t.Fatal("what came before the reset: ", err)
		}
		from.SetLinger(0)
		from.Close()
		if n, err := to.Read(got); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("%d bytes and %v instead of an RST", n, err)
		}
	})
}

// One that is aborted after its peer has ended is an RST all the same.
func TestResetAfterHalfClose(t *testing.T) {
	bothWays(t, func(t *testing.T, from, to *net.TCPConn) {
		to.CloseWrite()
		if n, err := from.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Fatalf("%d bytes and %v instead of the end", n, err)
		}
		from.SetLinger(0)
		from.Close()
		if n, err := to.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("%d bytes and %v instead of an RST", n, err)
		}
	})
}

// A service that closes with bytes unread resets (tcp(7)); what it said before arrives.
func TestAnswerBeforeAReset(t *testing.T) {
	bothWays(t, func(t *testing.T, from, to *net.TCPConn) {
		go from.Write(make([]byte, 1<<20))
		if _, err := io.ReadFull(to, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		said := []byte("enough")
		if _, err := to.Write(said); err != nil {
			t.Fatal(err)
		}
		to.Close()
		got, err := io.ReadAll(from)
		if !bytes.Equal(got, said) || !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("%q, then %v", got, err)
		}
	})
}

// TLS of the users inside the stream: whole handshakes, both ways, and its own end.
func TestTLSInside(t *testing.T) {
	serverConfig, clientConfig := tlsConfigs(t)
	bothWays(t, func(t *testing.T, from, to *net.TCPConn) {
		client, server := tls.Client(from, clientConfig), tls.Server(to, serverConfig)
		question, answer := someBytes(2<<20), someBytes(2<<20)
		var wg sync.WaitGroup
		wg.Add(1)
		go func() {
			defer wg.Done()
			got, err := io.ReadAll(server)
			if err != nil || !bytes.Equal(got, question) {
				t.Errorf("server: %d bytes, then %v", len(got), err)
			}
			server.Write(answer)
			server.Close()
		}()
		if _, err := client.Write(question); err != nil {
			t.Fatal(err)
		}
		if err := client.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(client)
		if err != nil || !bytes.Equal(got, answer) {
			t.Errorf("client: %d bytes, then %v", len(got), err)
		}
		wg.Wait()
	})
}

func someBytes(size int) []byte {
	data := make([]byte, size)
	if _, err := rand.Read(data); err != nil {
		panic(err)
	}
	return data
}

// tlsConfigs makes a certificate that is its own issuer, and who trusts it.
func tlsConfigs(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "service"},
		DNSNames:              []string{"service.test"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	own := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return &tls.Config{Certificates: []tls.Certificate{own}},
		&tls.Config{RootCAs: roots, ServerName: "service.test"}
}
