#include "mesh/entry/entry.h"

#include "base/utf8.h"

namespace titan::mesh {
namespace {

// Crockford's base 32: no I, L, O, U, so that a receipt can be read out over the telephone.
constexpr char crockford_digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t receipt_digits = 6;

Error fault(std::string message, std::string field) {
  return make_error(ErrorCode::corrupt, std::move(message), std::move(field));
}

Status check_text(const std::string& text, std::size_t bytes_max, const char* field) {
  if (text.size() > bytes_max) {
    return make_error(ErrorCode::too_large,
                      std::string(field) + " has " + std::to_string(text.size()) +
                          " bytes, at most " + std::to_string(bytes_max) + " are allowed",
                      field);
  }
  if (!is_utf8(text)) return fault(std::string(field) + " is not UTF-8 text", field);
  return {};
}

Status check_opening(const JournalOpening& opening, const DeviceId& device) {
  if (opening.process.is_none()) {
    return fault("the journal's opening names no process", "opening.process");
  }
  if (device_of(opening.device_public_key) != device) {
    return fault("the opening's public key is not the key of the envelope's device",
                 "opening.device_public_key");
  }
  if (opening.certificates.size() > certificates_max) {
    return make_error(ErrorCode::too_large, "the opening carries too many certificates",
                      "opening.certificates");
  }
  if (opening.predecessor.is_none() != (opening.predecessor_number == 0) ||
      opening.predecessor.is_none() != opening.predecessor_hash.is_none()) {
    return fault("the opening names its predecessor journal only in part", "opening.predecessor");
  }
  return check_text(opening.terminal, terminal_bytes_max, "opening.terminal");
}

Status check_place(const Envelope& envelope) {
  if (envelope.id.journal.is_none()) return fault("the entry names no journal", "journal");
  if (envelope.id.number == 0) return fault("entries are numbered from 1", "number");
  if (envelope.id.number > entry_number_max) {
    return fault("no journal has that many entries", "number");
  }
  if (envelope.device.is_none()) return fault("the entry names no device", "device");
  if (envelope.opening_hash.is_none()) {
    return fault("the entry does not say with what its journal was opened", "opening_hash");
  }
  const bool is_first = envelope.id.number == 1;
  if (is_first != envelope.previous_hash.is_none()) {
    return fault(is_first ? "the first entry of a journal cannot follow another"
                          : "the entry does not say which entry it follows",
                 "previous_hash");
  }
  if (is_first != envelope.opening.has_value()) {
    return fault(is_first ? "the first entry of a journal must carry its opening"
                          : "only the first entry of a journal carries an opening",
                 "opening");
  }
  if (envelope.logical_clock > logical_clock_max) {
    return fault("the logical clock is beyond every possible time", "logical_clock");
  }
  return is_first ? check_opening(*envelope.opening, envelope.device) : Status{};
}

Status check_effects(const std::vector<crdt::StockEffect>& effects) {
  if (effects.size() > stock_effects_max) {
    return make_error(ErrorCode::too_large,
                      "the entry has " + std::to_string(effects.size()) +
                          " stock effects, at most " + std::to_string(stock_effects_max) +
                          " are allowed",
                      "stock_effects");
  }
  for (const auto& effect : effects) {
    if (effect.product.empty()) {
      return fault("a stock effect names no product", "stock_effects.product");
    }
    const Status text = check_text(effect.product, product_bytes_max, "stock_effects.product");
    if (!text) return text;
  }
  return {};
}

}  // namespace

bool is_layered(Kind kind) {
  switch (kind) {
    case Kind::product:
    case Kind::setting:
    case Kind::user:
    case Kind::product_list_part:
    case Kind::product_list:
      return true;
    default:
      return false;
  }
}

Status check_envelope(const Envelope& envelope) {
  if (Status place = check_place(envelope); !place) return place;
  if (Status effects = check_effects(envelope.stock_effects); !effects) return effects;
  if (envelope.receipt) {
    if (envelope.receipt->number == 0) {
      return fault("receipts are numbered from 1", "receipt.number");
    }
    const Status text =
        check_text(envelope.receipt->terminal, terminal_bytes_max, "receipt.terminal");
    if (!text) return text;
  }
  return check_text(envelope.idempotency_key, idempotency_key_bytes_max, "idempotency_key");
}

Bytes signed_part(BytesView envelope_bytes) {
  constexpr BytesView domain = "titan-entry-1";
  Bytes message;
  message.reserve(domain.size() + envelope_bytes.size());
  message.append(domain).append(envelope_bytes);
  return message;
}

Hash tenant_store_hash(std::string_view tenant, std::string_view store) {
  Bytes message;
  message.reserve(tenant.size() + 1 + store.size());
  message.append(tenant).append(1, '\0').append(store);
  return blake2b(message);
}

OpeningHash hash_of_opening(BytesView opening_bytes) {
  return OpeningHash::from_bytes(blake2b(opening_bytes).view().substr(0, OpeningHash::size))
      .value();
}

JournalId journal_name(const Hash& tenant_store, const DeviceId& device, const PublicKey& key,
                       const OpeningHash& opening) {
  Bytes message = "titan-journal-1";
  message.append(tenant_store.view())
      .append(device.view())
      .append(key.view())
      .append(opening.view());
  return JournalId::from_bytes(blake2b(message).view().substr(0, JournalId::size)).value();
}

std::string receipt_check(const JournalId& journal) {
  const std::uint32_t bits = std::uint32_t{journal.bytes[0]} << 12 |
                             std::uint32_t{journal.bytes[1]} << 4 | journal.bytes[2] >> 4;
  std::string text;
  for (int shift = 15; shift >= 0; shift -= 5) {
    text.push_back(crockford_digits[bits >> shift & 31]);
  }
  return text;
}

std::string receipt_text(const Receipt& receipt, const JournalId& journal) {
  std::string number = std::to_string(receipt.number);
  if (number.size() < receipt_digits) number.insert(0, receipt_digits - number.size(), '0');
  return receipt.terminal + " " + number + "-" + receipt_check(journal);
}

}  // namespace titan::mesh
