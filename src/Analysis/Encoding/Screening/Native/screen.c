/* The one instruction of screening that .NET 10 does not have: the 8-bit dot product of 512 bits (AVX512-VNNI). Two loops around it. Built by ScreenKernel.targets where there is a gcc; called by
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

/* Sums over 128-bit quarters of each: [a, b, c, d]. */
__attribute__((target("avx512f,avx512vnni")))
static inline __m128i sums_of(__m512i a, __m512i b, __m512i c, __m512i d)
{
    const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    const __m512i quarters = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    const __m256i halves = _mm256_add_epi32(_mm512_castsi512_si256(quarters), _mm512_extracti64x4_epi64(quarters, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
}

struct pair { int32_t row, place; float sum; };

/* Adds x w to the sum of each pair: the length bytes of its row and of its place, one vector after the other from x and from w, all aligned to 64 bytes; length a multiple of 64. */
__attribute__((target("avx512f,avx512vnni"), visibility("default")))
void driftwatch_pairs_vnni512(const uint8_t *x, const int8_t *w, int32_t length, const struct pair *pairs, int32_t count, int32_t *sums)
{
    for (int32_t p = 0; p < count; p += 4) {
        const uint8_t *xs[4];
        const int8_t *ws[4];
        for (int32_t i = 0; i < 4; i++) {
            const struct pair *pair = pairs + (p + i < count ? p + i : count - 1);
            xs[i] = x + (int64_t)pair->row * length;
            ws[i] = w + (int64_t)pair->place * length;
        }
        __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
        for (int32_t i = 0; i < length; i += 64) {
            a = _mm512_dpbusd_epi32(a, _mm512_load_si512(xs[0] + i), _mm512_load_si512(ws[0] + i));
            b = _mm512_dpbusd_epi32(b, _mm512_load_si512(xs[1] + i), _mm512_load_si512(ws[1] + i));
            c = _mm512_dpbusd_epi32(c, _mm512_load_si512(xs[2] + i), _mm512_load_si512(ws[2] + i));
            d = _mm512_dpbusd_epi32(d, _mm512_load_si512(xs[3] + i), _mm512_load_si512(ws[3] + i));
        }
        int32_t four[4];
        _mm_storeu_si128((__m128i *)four, sums_of(a, b, c, d));
        for (int32_t i = 0; i < 4 && p + i < count; i++) sums[p + i] += four[i];
    }
}
