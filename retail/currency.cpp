#include "retail/currency.h"

#include <algorithm>

namespace titan::retail {
namespace {

// In groups by the digits of the minor unit; each code is followed by a blank.
constexpr std::string_view no_digits =
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF ";
constexpr std::string_view two_digits =
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN "
    "BZD "
    "CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL "
    "GHS "
    "GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD "
    "LSL "
    "MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN "
    "PGK "
    "PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB "
    "TJS "
    "TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG ";
constexpr std::string_view three_digits = "BHD IQD JOD KWD LYD OMR TND ";
constexpr std::string_view four_digits = "CLF UYW ";

bool lists(std::string_view codes, std::string_view code) {
  return codes.find(code) % 4 == 0;  // npos is no multiple of four
}

}  // namespace

bool is_currency_code(std::string_view code) {
  return code.size() == 3 &&
         std::all_of(code.begin(), code.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_known_currency(std::string_view code) {
  return is_currency_code(code) && (lists(two_digits, code) || lists(no_digits, code) ||
                                    lists(three_digits, code) || lists(four_digits, code));
}

std::uint32_t currency_exponent(std::string_view code) {
  if (!is_currency_code(code)) return 2;
  if (lists(no_digits, code)) return 0;
  if (lists(three_digits, code)) return 3;
  if (lists(four_digits, code)) return 4;
  return 2;
}

}  // namespace titan::retail
