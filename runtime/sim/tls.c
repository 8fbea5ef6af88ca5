/* sim/tls.c: makes a CA and a certificate for localhost, 127.0.0.1 and ::1. */
#include "sim/tls.h"

#include "base/clock.h"
#include "base/file.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

static const char names[] = "DNS:localhost,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1";

static bool fail(struct err *err, const char *what) {
    char text[160];
    ERR_error_string_n(ERR_get_error(), text, sizeof(text));
    return err_set(err, ERR_SYSTEM, "%s: %s", what, text);
}

static bool extend(X509 *certificate, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool fine = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return fine;
}

static X509 *blank(EVP_PKEY *key, const char *name) {
    X509 *certificate = X509_new();
    if (certificate == NULL) {
        return NULL;
    }
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), clock_random() >> 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -86400L);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400L * 820);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               (const unsigned char *)name, -1, -1, 0);
    return certificate;
}

static X509 *make_ca(EVP_PKEY *key) {
    X509 *ca = blank(key, "drey simulator CA");
    if (ca == NULL) {
        return NULL;
    }
    X509_set_issuer_name(ca, X509_get_subject_name(ca));
    if (!extend(ca, ca, NID_basic_constraints, "critical,CA:TRUE") ||
        !extend(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !extend(ca, ca, NID_subject_key_identifier, "hash") ||
        X509_sign(ca, key, EVP_sha256()) == 0) {
        X509_free(ca);
        return NULL;
    }
    return ca;
}

static X509 *make_server(EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key) {
    X509 *server = blank(key, "drey simulator");
    if (server == NULL) {
        return NULL;
    }
    X509_set_issuer_name(server, X509_get_subject_name(ca));
    if (!extend(server, ca, NID_basic_constraints, "critical,CA:FALSE") ||
        !extend(server, ca, NID_key_usage, "critical,digitalSignature") ||
        !extend(server, ca, NID_ext_key_usage, "serverAuth") ||
        !extend(server, ca, NID_subject_key_identifier, "hash") ||
        !extend(server, ca, NID_authority_key_identifier, "keyid") ||
        !extend(server, ca, NID_subject_alt_name, names) ||
        X509_sign(server, ca_key, EVP_sha256()) == 0) {
        X509_free(server);
        return NULL;
    }
    return server;
}

/* Writes what was collected in memory; takes the BIO. */
static bool write_bio(BIO *bio, const char *directory, const char *name, struct err *err) {
    char path[4096];
    char *bytes;
    long length = BIO_get_mem_data(bio, &bytes);
    bool fine = file_join(path, sizeof(path), directory, name)
                    ? file_write(path, bytes, (size_t)length, err)
                    : err_set(err, ERR_INVALID, "%s: path too long", directory);
    BIO_free(bio);
    return fine;
}

static bool write_all(const char *directory, X509 *ca, X509 *server, EVP_PKEY *key,
                      struct err *err) {
    BIO *ca_bio = BIO_new(BIO_s_mem());
    BIO *server_bio = BIO_new(BIO_s_mem());
    BIO *key_bio = BIO_new(BIO_s_mem());
    bool made = ca_bio != NULL && server_bio != NULL && key_bio != NULL &&
                PEM_write_bio_X509(ca_bio, ca) == 1 &&
                PEM_write_bio_X509(server_bio, server) == 1 &&
                PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    if (!made) {
        BIO_free(ca_bio);
        BIO_free(server_bio);
        BIO_free(key_bio);
        return fail(err, "certificate");
    }
    bool fine = write_bio(ca_bio, directory, "ca.pem", err);
    fine = write_bio(server_bio, directory, "server.pem", fine ? err : NULL) && fine;
    return write_bio(key_bio, directory, "server.key", fine ? err : NULL) && fine;
}

static bool make(const char *directory, struct err *err) {
    EVP_PKEY *ca_key = EVP_EC_gen("P-256");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *ca = ca_key != NULL ? make_ca(ca_key) : NULL;
    X509 *server = key != NULL && ca != NULL ? make_server(key, ca, ca_key) : NULL;
    bool fine =
        server != NULL ? write_all(directory, ca, server, key, err) : fail(err, "certificate");
    X509_free(server);
    X509_free(ca);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key); /* thrown away: nobody can sign anything else with it */
    return fine;
}

SSL_CTX *sim_tls_open(const char *directory, struct err *err) {
    char ca[4096];
    char server[4096];
    char key[4096];
    if (!file_join(ca, sizeof(ca), directory, "ca.pem") ||
        !file_join(server, sizeof(server), directory, "server.pem") ||
        !file_join(key, sizeof(key), directory, "server.key")) {
        err_set(err, ERR_INVALID, "%s: path too long", directory);
        return NULL;
    }
    bool there = access(ca, R_OK) == 0 && access(server, R_OK) == 0 && access(key, R_OK) == 0;
    if (!there && (!file_make_dirs(directory, err) || !make(directory, err))) {
        return NULL;
    }
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (tls == NULL || SSL_CTX_use_certificate_chain_file(tls, server) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
        fail(err, directory);
        SSL_CTX_free(tls);
        return NULL;
    }
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return tls;
}
