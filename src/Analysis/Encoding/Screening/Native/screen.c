/* The one instruction of screening that .NET 10 does not have: the 8-bit dot product of 512 bits (AVX512-VNNI). Built by ScreenKernel.targets where there is a gcc; called by
   ScreenKernel where the processor has the instruction. Everywhere else the managed kernels compute the same whole numbers. */
#include <immintrin.h>
#include <stdint.h>

enum { ROWS = 12, FEATURES = 32, LANES = 16 };

/* 24 sums, 2 weights and the input in 32 registers. panel: [quads, FEATURES, 4], aligned to 64 bytes; group: [quads, ROWS, 4]; start: [FEATURES]; tile: [ROWS, FEATURES], aligned. */
__attribute__((target("avx512f,avx512vnni"), visibility("default")))
void driftwatch_screen_vnni512(const int8_t *panel, const uint8_t *group, int32_t quads, const int32_t *start, int32_t *tile)
{
    __m512i a[ROWS], b[ROWS];
#pragma GCC unroll 12
    for (int row = 0; row < ROWS; row++) {
        a[row] = _mm512_load_si512(start);
        b[row] = _mm512_load_si512(start + LANES);
    }
    for (int32_t quad = 0; quad < quads; quad++, panel += 4 * FEATURES, group += 4 * ROWS) {
        const __m512i v = _mm512_load_si512(panel), w = _mm512_load_si512(panel + 4 * LANES);
#pragma GCC unroll 12
        for (int row = 0; row < ROWS; row++) {
            const __m512i x = _mm512_set1_epi32(*(const int32_t *)(group + 4 * row));
            a[row] = _mm512_dpbusd_epi32(a[row], x, v);
            b[row] = _mm512_dpbusd_epi32(b[row], x, w);
        }
    }
#pragma GCC unroll 12
    for (int row = 0; row < ROWS; row++) {
        _mm512_store_si512(tile + FEATURES * row, a[row]);
        _mm512_store_si512(tile + FEATURES * row + LANES, b[row]);
    }
}
