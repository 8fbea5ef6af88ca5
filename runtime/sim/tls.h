/* sim/tls.h: a certificate authority of our own and a server certificate for loopback, kept in a
 * directory. [the simulator's loop thread] */
#ifndef SIM_TLS_H
#define SIM_TLS_H

#include "base/err.h"

#include <openssl/ssl.h>

/* Uses DIRECTORY/ca.pem, server.pem and server.key, or makes them when one is missing. Result:
 * owned (SSL_CTX_free). */
SSL_CTX *sim_tls_open(const char *directory, struct err *err);

#endif
