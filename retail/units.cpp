#include "retail/units.h"

#include <algorithm>
#include <array>
#include <span>

namespace titan::retail {
namespace {

enum class Kind { count, mass, volume, length, area };

// One unit is `size` of its kind's smallest: piece, nanogram, 10^-13 litre, nanometre, mm2 / 100.
// Codes of three capital letters are those of UN/ECE Recommendation 20 (KGM, LTR, H87).
struct Unit {
  Kind kind;
  std::int64_t size;
  std::array<std::string_view, 12> names;  // in lower case, the usual one first; unused ones empty
};

constexpr Unit units[] = {
    {Kind::count,
     1,
     {"piece", "pieces", "pc", "pcs", "pce", "ea", "each", "unit", "units", "h87", "c62", "pz"}},
    {Kind::count,
     1,
     {"stk", "stck", "st", "stueck",
      "st\xC3\xBC"
      "ck",
      "st\xC3\x9C"
      "ck",
      "un", "szt", "kpl", "ks", "db", "u"}},
    {Kind::count, 12, {"dozen", "dz", "dzn", "doz"}},
    {Kind::mass,
     1'000'000'000'000,
     {"kg", "kgm", "kgs", "kilo", "kilogram", "kilograms", "kilogramm"}},
    {Kind::mass, 1'000'000'000, {"g", "gr", "grm", "gram", "grams", "gramm"}},
    {Kind::mass, 1'000'000, {"mg", "mgm", "milligram", "milligrams"}},
    {Kind::mass, 1'000'000'000'000'000, {"t", "tne", "tonne", "tonnes"}},
    {Kind::mass, 453'592'370'000, {"lb", "lbs", "lbr", "pound", "pounds"}},
    {Kind::mass, 28'349'523'125, {"oz", "onz", "ounce", "ounces"}},
    {Kind::mass, 31'103'476'800, {"ozt", "apz", "troy ounce", "oz t"}},
    {Kind::volume, 10'000'000'000'000, {"l", "ltr", "lt", "litre", "litres", "liter", "liters"}},
    {Kind::volume, 1'000'000'000'000, {"dl", "dlt", "decilitre", "deciliter"}},
    {Kind::volume, 100'000'000'000, {"cl", "clt", "centilitre", "centiliter"}},
    {Kind::volume, 10'000'000'000, {"ml", "mlt", "millilitre", "milliliter"}},
    {Kind::volume, 1'000'000'000'000'000, {"hl", "hlt", "hectolitre", "hectoliter"}},
    {Kind::volume, 10'000'000'000'000'000, {"m3", "mtq", "m\xC2\xB3", "cbm"}},
    {Kind::volume, 9'463'529'460'000, {"us qt", "qt us", "qt"}},
    {Kind::volume, 37'854'117'840'000, {"us gal", "gal us", "gll"}},
    {Kind::volume, 295'735'295'625, {"us fl oz", "fl oz us", "oza"}},
    {Kind::length, 1'000'000'000, {"m", "mtr", "metre", "metres", "meter", "meters"}},
    {Kind::length, 10'000'000, {"cm", "cmt", "centimetre", "centimeter"}},
    {Kind::length, 1'000'000, {"mm", "mmt", "millimetre", "millimeter"}},
    {Kind::length, 1'000'000'000'000, {"km", "kmt", "kilometre", "kilometer"}},
    {Kind::length, 25'400'000, {"in", "inh", "inch", "inches"}},
    {Kind::length, 304'800'000, {"ft", "fot", "foot", "feet"}},
    {Kind::length, 914'400'000, {"yd", "yrd", "yard", "yards"}},
    {Kind::area, 100'000'000, {"m2", "mtk", "m\xC2\xB2", "qm", "sqm"}},
    {Kind::area, 10'000, {"cm2", "cmk", "cm\xC2\xB2"}},
    {Kind::area, 64'516, {"in2", "ink", "sq in"}},
    {Kind::area, 9'290'304, {"ft2", "ftk", "sq ft"}},
    {Kind::area, 83'612'736, {"yd2", "ydk", "sq yd"}},
};

std::string plain_form(std::string_view unit) {
  while (!unit.empty() && (unit.back() == ' ' || unit.back() == '.')) unit.remove_suffix(1);
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  std::string plain(unit);
  for (char& c : plain) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return plain;
}

const Unit* find(std::string_view unit) {
  const std::string plain = plain_form(unit);
  if (plain.empty()) return &units[0];
  for (const Unit& known : units) {
    for (const std::string_view name : known.names) {
      if (!name.empty() && name == plain) return &known;
    }
  }
  return nullptr;
}

Error no_conversion(const Decimal& quantity, std::string_view from, std::string_view to,
                    const std::string& reason) {
  return make_error(ErrorCode::invalid, to_text(quantity) + " " + unit_name(from) +
                                            " cannot be counted in " + unit_name(to) + ": " +
                                            reason);
}

}  // namespace

bool same_unit(std::string_view first, std::string_view second) {
  const Unit* one = find(first);
  const Unit* other = find(second);
  if (!one || !other) return plain_form(first) == plain_form(second);
  return one->kind == other->kind && one->size == other->size;
}

bool is_measure_unit(std::string_view unit) {
  const Unit* known = find(unit);
  return known && known->kind != Kind::count;
}

std::string unit_name(std::string_view unit) {
  const Unit* known = find(unit);
  if (known && known->kind == Kind::count && known->size == 1) return "pieces";
  return known ? std::string(known->names[0]) : "\"" + std::string(unit) + "\"";
}

Result<Decimal> convert_quantity(const Decimal& quantity, std::string_view from,
                                 std::string_view to) {
  if (same_unit(from, to)) return quantity;
  const Unit* source = find(from);
  const Unit* target = find(to);
  if (!source || !target) {
    return no_conversion(quantity, from, to,
                         unit_name(source ? to : from) + " is no unit that is known here");
  }
  if (source->kind != target->kind) {
    return no_conversion(quantity, from, to, "the two do not measure the same thing");
  }
  if (quantity.scale > decimal_scale_max) {
    return no_conversion(quantity, from, to, "it has more than 6 decimals");
  }
  // At most 10^18 x 10^16 x 10^6 would not fit; the halves are taken one after the other.
  std::int64_t divisor = 1;
  for (std::uint32_t i = 0; i < quantity.scale; ++i) divisor *= 10;
  std::int64_t numerator = source->size;
  std::int64_t denominator = target->size;
  for (std::int64_t a = numerator, b = denominator;;) {  // in lowest terms
    if (b == 0) {
      numerator /= a;
      denominator /= a;
      break;
    }
    const std::int64_t rest = a % b;
    a = b;
    b = rest;
  }
  SignedWide product = 0;
  if (__builtin_mul_overflow(static_cast<SignedWide>(quantity.value),
                             static_cast<SignedWide>(numerator), &product) ||
      __builtin_mul_overflow(product, static_cast<SignedWide>(1'000'000), &product)) {
    return no_conversion(quantity, from, to, "it is too much");
  }
  const SignedWide whole = static_cast<SignedWide>(divisor) * denominator;
  if (product % whole != 0) {
    return no_conversion(quantity, from, to, "it would need more than 6 decimals");
  }
  SignedWide value = product / whole;
  std::uint32_t scale = 6;
  while (scale > 0 && value % 10 == 0) {
    value /= 10;
    --scale;
  }
  constexpr SignedWide value_max = 999'999'999'999'999'999;
  if (value > value_max || value < -value_max) {
    return no_conversion(quantity, from, to, "it is too much");
  }
  return Decimal{static_cast<std::int64_t>(value), scale};
}

}  // namespace titan::retail
