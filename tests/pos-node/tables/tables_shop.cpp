#include "tables_shop.h"

namespace titan::pos::testing {

EntryPointer branch_of(const Till& till, const mesh::Entry& entry) {
  mesh::Entry branch = entry;
  branch.envelope.time.utc_ms += 60'000;
  branch.envelope_bytes = mesh::testing::codec().encode_envelope(branch.envelope);
  branch.signature = sign(till.key(), mesh::signed_part(branch.envelope_bytes));
  branch.bytes =
      mesh::testing::codec().encode_signed_entry(branch.envelope_bytes, branch.signature);
  branch.hash = blake2b(branch.bytes);
  return std::make_shared<const mesh::Entry>(std::move(branch));
}

EntryPointer void_of(Till& till, const mesh::Entry& original) {
  return till.void_sale(original);
}

EntryPointer history(Till& till, const std::string& origin, const std::string& id,
                     const std::string& move_in, std::int64_t total, bool was_voided) {
  v1::History body;
  v1::Sale& sale = *body.mutable_sale();
  sale.set_currency("GBP");
  sale.set_exponent(2);
  sale.set_total_minor(total);
  sale.set_cashier("c-01");
  v1::Line& line = *sale.add_lines();
  line.set_sku("A");
  line.set_description("ARTICLE A");
  line.mutable_quantity()->set_value(1);
  line.set_total_minor(total);
  line.set_paid_minor(total);
  body.set_origin(origin);
  body.set_id(id);
  body.set_receipt("R" + id);
  body.set_utc_ms(1300000000000);
  body.set_was_voided(was_voided);
  body.set_move_in(move_in);
  mesh::EntryDraft draft;
  draft.kind = mesh::Kind::history;
  draft.body = body.SerializeAsString();
  draft.claim = blake2b("former " + origin + " " + id);
  return till.write(std::move(draft));
}

EntryPointer withdrawal(Till& till, const std::string& move_in,
                        std::vector<crdt::StockEffect> effects) {
  v1::HistoryWithdrawn body;
  body.set_move_in(move_in);
  mesh::EntryDraft draft;
  draft.kind = mesh::Kind::history_withdrawn;
  draft.body = body.SerializeAsString();
  draft.stock_effects = std::move(effects);
  return till.write(std::move(draft));
}

EntryPointer training_sale(Till& till) {
  const EntryPointer sale = till.sale({{"A", 1}});
  v1::Sale body;
  REQUIRE(body.ParseFromString(sale->envelope.body));
  body.set_training(true);
  mesh::EntryDraft draft;
  draft.kind = mesh::Kind::sale;
  draft.body = body.SerializeAsString();
  draft.wants_receipt = true;
  return till.write(std::move(draft));
}

}  // namespace titan::pos::testing
