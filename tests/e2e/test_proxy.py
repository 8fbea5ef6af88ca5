"""tests/e2e/test_proxy.py: a gateway beyond a proxy is reached through it, by name, and its certificate
must be for that name."""
import re
import socket
import threading

from harness import Case, main


class Proxy:
    """Answers CONNECT and passes bytes on to one place, whatever was asked for."""

    def __init__(self, host, port):
        self.target = (host, port)
        self.asked = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096) or b"\r\n\r\n"
        self.asked.append(head.decode())
        server = socket.create_connection(self.target)
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        threading.Thread(target=self.pump, args=(client, server), daemon=True).start()
        self.pump(server, client)

    def pump(self, source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Proxies(Case):
    def proxy_to(self, url):
        host, port = re.search(r"//([^:/]+):(\d+)", url).groups()
        proxy = Proxy(host, int(port))
        self.addCleanup(proxy.listener.close)
        return proxy, port

    def test_a_plain_gateway_through_a_proxy(self):
        sim = self.sim()
        proxy, port = self.proxy_to(sim.where["gateway"])
        self.host({"main": {"token": "t", "gateway_url": f"ws://gateway.test:{port}"}}).start(
            http_proxy=f"http://{proxy.url}").ready("main")
        self.assertTrue(proxy.asked[0].startswith(f"CONNECT gateway.test:{port} "), proxy.asked)

    def test_a_certificate_for_another_name_is_refused_in_words(self):
        sim = self.sim("--tls-listen", "127.0.0.1:0")
        proxy, port = self.proxy_to(sim.where["tls_gateway"])
        host = self.host({"main": {"token": "t", "gateway_url": f"wss://gateway.test:{port}",
                                   "ca_file": sim.where["ca"]}})
        host.start(https_proxy=f"http://user:word@{proxy.url}")
        host.logged("the certificate is not for gateway.test")
        self.assertIn("Proxy-authorization: basic dXNlcjp3b3Jk", proxy.asked[0])
        self.assertEqual(sim.status()["identifies"], 0)


if __name__ == "__main__":
    main()
