// LTE channel quality indicators 1..15: efficiencies of TS 36.213 Table 7.2.3-1 [bit per resource element] and the
// linear SINR at which a 2000-bit block has 10 % errors on an AWGN channel: 10^(x / 10), x = -7.41 -5.52 -3.42 -1.33
// 0.62 2.63 4.67 6.51 8.58 10.56 12.47 14.40 16.01 18.13 20.75 dB.
//
// Plain constants only: kernel files include this header.
#pragma once

namespace slicefast {

inline constexpr int n_cqi = 15;
inline constexpr double cqi_sinr[n_cqi] = {
    0.18155156627731356, 0.2805433637951714, 0.4549880601500486, 0.7362070974947361, 1.1534532578210923,
    1.8323144223712116,  2.9308932452503207, 4.477133041763626,  7.211074791828996,  11.37627285823431,
    17.660378206861647,  27.542287033381662, 39.90249023621423,  65.01296903430907,  118.85022274370189};
inline constexpr double cqi_bits_per_element[n_cqi] = {0.1523, 0.2344, 0.3770, 0.6016, 0.8770, 1.1758, 1.4766, 1.9141,
                                                       2.4063, 2.7305, 3.3223, 3.9023, 4.5234, 5.1152, 5.5547};
// 12 subcarriers x 14 symbols per millisecond in 180 kHz.
inline constexpr double elements_per_hz_s = 168.0 / 180.0;

}  // namespace slicefast
