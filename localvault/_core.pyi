"""The compiled core as mypy sees it; csrc/include/lv_core.h has the contracts, test_cdef.py compares the names."""

from _cffi_backend import FFI

class _Lib:
    LV_OK: int
    LV_NO_MEMORY: int
    LV_NO_RANDOM: int
    LV_NO_INIT: int
    LV_FORKED: int
    LV_NO_KEY: int
    LV_WRONG: int
    LV_TOO_LONG: int
    LV_NO_LEVEL: int
    LV_GCM_NONCE_SIZE: int
    LV_GCM_TAG_SIZE: int
    LV_GCM_SIZE_MAX: int
    LV_XAES_NONCE_SIZE: int
    LV_KEYED_MAX: int
    LV_DIGEST_SIZE: int
    LV_OPENED: int
    LV_FAILED: int
    LV_UNKNOWN: int
    LV_OUT_OF_RANGE: int
    LV_THREADS_MAX: int
    LV_UNSUITABLE: int
    LV_RSA_TOGETHER: int
    LV_MIXED: int
    LV_BACK: int
    LV_PREFIX_SIZE: int
    LV_PREFIX_KEYS: int
    LV_FRAME_HEAD_SIZE: int
    LV_FRAME_MAX: int
    LV_SALT_SIZE: int
    LV_SALTS_MAX: int
    LV_ENTRY_MIN: int
    LV_ENTRY_ROOM: int
    LV_TREE_LEVELS: int
    LV_SMALL_MAX: int

    def lv_init(self) -> int: ...
    def lv_version(self) -> FFI.CData: ...
    def lv_compiler(self) -> FFI.CData: ...
    def lv_cpu_features(self) -> int: ...
    def lv_cpu_feature_name(self, bit: int) -> FFI.CData: ...
    def lv_level_name(self, level: int) -> FFI.CData: ...
    def lv_level_status(self, level: int) -> int: ...
    def lv_gcm_new(self, level: int, key: FFI.CData | bytes, key_size: int, made: FFI.CData) -> int: ...
    def lv_gcm_free(self, gcm: FFI.CData) -> None: ...
    def lv_gcm_seal(
        self,
        gcm: FFI.CData,
        nonce: FFI.CData | bytes,
        aad: FFI.CData | bytes,
        aad_size: int,
        in_: FFI.CData | bytes,
        size: int,
        out: FFI.CData | bytes,
    ) -> int: ...
    def lv_gcm_open(
        self,
        gcm: FFI.CData,
        nonce: FFI.CData | bytes,
        aad: FFI.CData | bytes,
        aad_size: int,
        in_: FFI.CData | bytes,
        size: int,
        out: FFI.CData | bytes,
    ) -> int: ...
    def lv_xaes_new(self, level: int, key: FFI.CData | bytes, made: FFI.CData) -> int: ...
    def lv_xaes_free(self, xaes: FFI.CData) -> None: ...
    def lv_xaes_derive(self, xaes: FFI.CData, nonce: FFI.CData | bytes, made: FFI.CData) -> int: ...
    def lv_xaes_seal(
        self,
        xaes: FFI.CData,
        nonce: FFI.CData | bytes,
        aad: FFI.CData | bytes,
        aad_size: int,
        in_: FFI.CData | bytes,
        size: int,
        out: FFI.CData | bytes,
    ) -> int: ...
    def lv_xaes_open(
        self,
        xaes: FFI.CData,
        nonce: FFI.CData | bytes,
        aad: FFI.CData | bytes,
        aad_size: int,
        in_: FFI.CData | bytes,
        size: int,
        out: FFI.CData | bytes,
    ) -> int: ...
    def lv_xaes_seal_many(
        self,
        gcm: FFI.CData,
        nonce: FFI.CData | bytes,
        prefix: FFI.CData | bytes,
        prefix_size: int,
        aad: FFI.CData | bytes,
        aad_size: int,
        data: FFI.CData | bytes,
        offsets: FFI.CData,
        count: int,
        out: FFI.CData | bytes,
        out_offsets: FFI.CData,
    ) -> int: ...
    def lv_xaes_seal_each(
        self,
        xaes: FFI.CData,
        nonces: FFI.CData | bytes,
        prefix: FFI.CData | bytes,
        prefix_size: int,
        aad: FFI.CData | bytes,
        aad_size: int,
        data: FFI.CData | bytes,
        offsets: FFI.CData,
        count: int,
        out: FFI.CData | bytes,
        out_offsets: FFI.CData,
    ) -> int: ...
    def lv_xaes_seal_keyed(
        self,
        gcm: FFI.CData,
        nonce: FFI.CData | bytes,
        header: FFI.CData | bytes,
        header_size: int,
        start: FFI.CData | bytes,
        start_size: int,
        keys: FFI.CData | bytes,
        key_offsets: FFI.CData,
        data: FFI.CData | bytes,
        offsets: FFI.CData,
        count: int,
        out: FFI.CData | bytes,
        out_offsets: FFI.CData,
        digests: FFI.CData | bytes,
    ) -> int: ...
    def lv_xaes_reseal_keyed(
        self,
        xaes: FFI.CData,
        gcm: FFI.CData,
        nonce: FFI.CData | bytes,
        start: FFI.CData | bytes,
        new_start: FFI.CData | bytes,
        start_size: int,
        keys: FFI.CData | bytes,
        key_offsets: FFI.CData,
        data: FFI.CData | bytes,
        offsets: FFI.CData,
        count: int,
        out: FFI.CData | bytes,
        digests: FFI.CData | bytes,
        outcomes: FFI.CData | bytes,
        failed: FFI.CData,
    ) -> int: ...
    def lv_ring_new(self, prefix_size: int, made: FFI.CData) -> int: ...
    def lv_ring_add(
        self,
        ring: FFI.CData,
        prefix: FFI.CData | bytes,
        xaes: FFI.CData,
        aad: FFI.CData | bytes,
        aad_size: int,
    ) -> int: ...
    def lv_ring_free(self, ring: FFI.CData) -> None: ...
    def lv_xaes_open_many(
        self,
        ring: FFI.CData,
        data: FFI.CData | bytes,
        offsets: FFI.CData,
        count: int,
        out: FFI.CData | bytes,
        out_offsets: FFI.CData,
        outcomes: FFI.CData | bytes,
        failed: FFI.CData,
        unknown: FFI.CData,
    ) -> int: ...
    def lv_xaes_rewrap_many(
        self,
        ring: FFI.CData,
        gcm: FFI.CData,
        nonce: FFI.CData | bytes,
        prefix: FFI.CData | bytes,
        prefix_size: int,
        aad: FFI.CData | bytes,
        aad_size: int,
        data: FFI.CData | bytes,
        offsets: FFI.CData,
        count: int,
        out: FFI.CData | bytes,
        out_offsets: FFI.CData,
        outcomes: FFI.CData | bytes,
        failed: FFI.CData,
        unknown: FFI.CData,
    ) -> int: ...
    def lv_ring_unknown(
        self,
        ring: FFI.CData,
        data: FFI.CData | bytes,
        offsets: FFI.CData,
        outcomes: FFI.CData | bytes,
        from_: int,
        count: int,
    ) -> int: ...
    def lv_outcomes_close(
        self,
        outcomes: FFI.CData | bytes,
        count: int,
        out: FFI.CData | bytes,
        out_offsets: FFI.CData,
    ) -> None: ...
    def lv_hmac_many(
        self,
        key: FFI.CData | bytes,
        key_size: int,
        data: FFI.CData | bytes,
        offsets: FFI.CData,
        count: int,
        size: int,
        out: FFI.CData | bytes,
    ) -> int: ...
    def lv_threads_set(self, count: int) -> int: ...
    def lv_threads(self) -> int: ...
    def lv_offsets_stride(self, offsets: FFI.CData, count: int) -> int: ...
    def lv_prefixes_count(
        self,
        data: FFI.CData | bytes,
        size: int,
        offsets: FFI.CData,
        count: int,
        least: int,
        keys: FFI.CData | bytes,
        slots: FFI.CData,
        found: FFI.CData,
        room: int,
        used: FFI.CData,
        others: FFI.CData,
    ) -> int: ...
    def lv_frame_seal(
        self, gcm: FFI.CData, number: int, in_: FFI.CData | bytes, size: int, out: FFI.CData | bytes
    ) -> int: ...
    def lv_frames_open(
        self,
        gcm: FFI.CData,
        number: int,
        chunk: FFI.CData | bytes,
        size: int,
        limit: int,
        out: FFI.CData | bytes,
        offsets: FFI.CData,
        count: FFI.CData,
    ) -> int: ...
    def lv_leaves_make(
        self,
        fields: FFI.CData | bytes,
        offsets: FFI.CData,
        count: int,
        first: int,
        process: FFI.CData | bytes,
        process_size: int,
        writes: FFI.CData | bytes,
        writes_size: int,
        salts: FFI.CData | bytes,
        salts_size: FFI.CData,
        leaves: FFI.CData | bytes,
        entries: FFI.CData | bytes,
        entry_offsets: FFI.CData,
    ) -> int: ...
    def lv_leaves_of_run(
        self,
        run: FFI.CData | bytes,
        size: int,
        last: int,
        leaves: FFI.CData | bytes,
        writes: FFI.CData,
    ) -> int: ...
    def lv_tree_extend(
        self,
        size: int,
        frontier: FFI.CData | bytes,
        leaves: FFI.CData | bytes,
        count: int,
        level: int,
        nodes: FFI.CData | bytes,
    ) -> int: ...
    def lv_wipe(self, bytes: FFI.CData, length: int) -> None: ...
    def lv_equal(self, a: FFI.CData, b: FFI.CData, length: int) -> int: ...
    def lv_pages_sound(
        self,
        file: FFI.CData,
        size: int,
        page_size: int,
        last_page: int,
        root: int,
        height: int,
        low: FFI.CData,
        low_size: int,
        high: FFI.CData,
        high_size: int,
        seen: FFI.CData,
        count: FFI.CData,
    ) -> int: ...
    def lv_pages_list(self, list: FFI.CData, count: int, last_page: int, seen: FFI.CData) -> int: ...
    def lv_rsa_status(self, size: int) -> int: ...
    def lv_rsa_new(
        self,
        size: int,
        n: FFI.CData,
        e: int,
        p: FFI.CData,
        q: FFI.CData,
        dp: FFI.CData,
        dq: FFI.CData,
        qinv: FFI.CData,
        key: FFI.CData,
    ) -> int: ...
    def lv_rsa_free(self, key: FFI.CData) -> None: ...
    def lv_rsa_private(
        self, keys: FFI.CData, input: FFI.CData, out: FFI.CData, good: FFI.CData, count: int
    ) -> int: ...
    def lv_rsa_public(
        self, keys: FFI.CData, input: FFI.CData, out: FFI.CData, good: FFI.CData, count: int
    ) -> int: ...
    def lv_rsa_oaep(self, encoded: FFI.CData, size: int, digest: int, start: FFI.CData) -> int: ...
    def lv_locked_new(self, size: int, handle: FFI.CData) -> int: ...
    def lv_locked_random(self, handle: FFI.CData) -> int: ...
    def lv_locked_bytes(self, handle: FFI.CData) -> FFI.CData: ...
    def lv_locked_size(self, handle: FFI.CData) -> int: ...
    def lv_locked_is_locked(self, handle: FFI.CData) -> int: ...
    def lv_locked_is_forked(self, handle: FFI.CData) -> int: ...
    def lv_locked_free(self, handle: FFI.CData) -> None: ...
    def lv_mem_report(self, report: FFI.CData) -> None: ...

ffi: FFI
lib: _Lib
