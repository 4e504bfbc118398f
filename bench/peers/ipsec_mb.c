/* The peer for bulk sealing in C: intel-ipsec-mb, AES-256-GCM under one key that is expanded once.
 *
 * `ipsec_mb.py` builds this file and calls it. Records have one size and stand one after another, as do their nonces of 12
 * bytes; each goes to `out` with its tag of 16 bytes behind it. The library offers two ways, and both stand here, since
 * which one is quicker depends on processor and size: a plain call for each record, and jobs in bursts of as many as the
 * library takes, without the checks of their arguments. */
#include <intel-ipsec-mb.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define NONCE 12
#define TAG 16
#define KEY 32

struct peer {
    struct gcm_key_data key; /* first: it is to be aligned */
    IMB_MGR *manager;
};

struct batch {
    const uint8_t *nonces;
    const uint8_t *aad;
    size_t aad_size;
    const uint8_t *data;
    size_t size; /* of one record */
    size_t count;
    uint8_t *out;
};

/* A key of 32 bytes; NULL if there is no memory, or no kernel for this processor. */
struct peer *peer_new(const uint8_t *key);
void peer_free(struct peer *peer);
const char *peer_version(void);
/* Every record of a batch: a call for each, or in bursts. 0, or 1 if the library refused one. */
int peer_seal_by_calls(const struct peer *peer, const struct batch *batch);
int peer_seal_by_bursts(const struct peer *peer, const struct batch *batch);

void peer_free(struct peer *peer)
{
    if (peer != NULL && peer->manager != NULL) {
        free_mb_mgr(peer->manager);
    }
    free(peer);
}

struct peer *peer_new(const uint8_t *key)
{
    struct peer *peer = aligned_alloc(_Alignof(struct peer), sizeof *peer);
    if (peer == NULL) {
        return NULL;
    }
    peer->manager = alloc_mb_mgr(0);
    if (peer->manager == NULL) {
        peer_free(peer);
        return NULL;
    }
    IMB_ARCH chosen = IMB_ARCH_NONE;
    init_mb_mgr_auto(peer->manager, &chosen);
    if (chosen == IMB_ARCH_NONE) {
        peer_free(peer);
        return NULL;
    }
    IMB_AES256_GCM_PRE(peer->manager, key, &peer->key);
    return peer;
}

const char *peer_version(void)
{
    return imb_get_version_str();
}

int peer_seal_by_calls(const struct peer *peer, const struct batch *batch)
{
    struct gcm_context_data context;
    for (size_t i = 0; i < batch->count; i++) {
        uint8_t *out = batch->out + i * (batch->size + TAG);
        IMB_AES256_GCM_ENC(peer->manager, &peer->key, &context, out, batch->data + i * batch->size, batch->size,
                           batch->nonces + i * NONCE, batch->aad, batch->aad_size, out + batch->size, TAG);
    }
    return 0;
}

static void describe(IMB_JOB *job, const struct peer *peer, const struct batch *batch, size_t record)
{
    uint8_t *out = batch->out + record * (batch->size + TAG);
    job->cipher_mode = IMB_CIPHER_GCM;
    job->cipher_direction = IMB_DIR_ENCRYPT;
    job->hash_alg = IMB_AUTH_AES_GMAC;
    job->chain_order = IMB_ORDER_CIPHER_HASH;
    job->enc_keys = &peer->key;
    job->dec_keys = &peer->key;
    job->key_len_in_bytes = KEY;
    job->src = batch->data + record * batch->size;
    job->dst = out;
    job->cipher_start_src_offset_in_bytes = 0;
    job->hash_start_src_offset_in_bytes = 0;
    job->msg_len_to_cipher_in_bytes = batch->size;
    job->msg_len_to_hash_in_bytes = batch->size;
    job->iv = batch->nonces + record * NONCE;
    job->iv_len_in_bytes = NONCE;
    job->u.GCM.aad = batch->aad;
    job->u.GCM.aad_len_in_bytes = batch->aad_size;
    job->auth_tag_output = out + batch->size;
    job->auth_tag_output_len_in_bytes = TAG;
}

int peer_seal_by_bursts(const struct peer *peer, const struct batch *batch)
{
    IMB_JOB *jobs[IMB_MAX_BURST_SIZE];
    size_t done = 0;
    while (done < batch->count) {
        const size_t left = batch->count - done;
        const uint32_t wanted = left < IMB_MAX_BURST_SIZE ? (uint32_t)left : IMB_MAX_BURST_SIZE;
        const uint32_t had = IMB_GET_NEXT_BURST(peer->manager, wanted, jobs);
        for (uint32_t i = 0; i < had; i++) {
            describe(jobs[i], peer, batch, done + i);
        }
        /* AES-GCM waits for no other jobs: all of a burst are done when the call returns. */
        if (had == 0 || IMB_SUBMIT_BURST_NOCHECK(peer->manager, had, jobs) != had) {
            return 1;
        }
        done += had;
    }
    return 0;
}
