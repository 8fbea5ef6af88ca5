"""tests/e2e/test_connect.py: allow_connect: a plugin's process reaches these ports of TCP, and nothing
else of the network by any other way."""
import os
import re
import shutil
import socket

from harness import BUILD, Case, main, read


class Connect(Case):
    def listener(self):
        made = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(made.close)
        return made.getsockname()[1]

    def tries(self, *allow):
        simulator = self.sim()
        open_port, shut_port = self.listener(), self.listener()
        host = self.host({"main": {"token": "t", "rest_url": simulator.rest}},
                         sections=f"[plugin:dialer]\nisolation = process\nopen = {open_port}\n"
                                  f"shut = {shut_port}\n" + "".join(
                                      f"{line.format(open=open_port)}\n" for line in allow))
        shutil.copy(os.path.join(BUILD, "tests", "plugins", "dialer.so"), host.plugin_dir)
        host.start().ready("main")
        if "Landlock" not in (host.plugin("dialer") or {}).get("confined", ""):
            self.skipTest("this kernel's Landlock knows no ports")
        host.logged("dial end: worked")
        self.assertEqual(host.stop(), 0)
        return dict(re.findall(r"dial (\w+): (\w+)", read(host.log)))

    def certificates(self):
        """What is there of those that TLS is checked by; never the keys that lie beside them."""
        return {what for what, path in (("certificates", "/etc/ssl/certs"),
                                        ("settings", "/etc/ssl/openssl.cnf")) if os.path.exists(path)}

    def test_one_port_is_reached_and_nothing_else(self):
        found = self.tries("allow_connect = 1, {open}")
        self.assertEqual({what for what, how in found.items() if how == "worked"},
                         {"open", "option", "end"} | self.certificates(), found)
        self.assertEqual(found["shut"], "EACCES")

    def test_without_it_nothing_is_reached(self):
        found = self.tries()
        self.assertEqual({what for what, how in found.items() if how == "worked"}, {"end"}, found)

    def test_the_whole_network_is_another_word(self):
        found = self.tries("allow_network = yes", "allow_connect = 1")
        for what in {"open", "option", "shut", "datagram", "bind", "listen"} | self.certificates():
            self.assertEqual(found[what], "worked", found)
        for what in ("linger", "local", "keys", "beside"):
            self.assertNotEqual(found[what], "worked", found)


if __name__ == "__main__":
    main()
