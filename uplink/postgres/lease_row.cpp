#include "uplink/postgres/lease_row.h"

#include "election/term_bound.h"
#include "uplink/postgres/row_fields.h"
#include "uplink/postgres/sql_values.h"

namespace titan::uplink {

namespace {

std::string is_row_of(const std::string& store, const election::Token& token) {
  return " WHERE store = " + sql_text(store) + " AND term = " + std::to_string(token.term) +
         " AND process = " + sql_bytes(token.process.view());
}

}  // namespace

std::optional<LeaseHolder> acquire_lease(pqxx::transaction_base& transaction,
                                         const std::string& store, const election::Token& token,
                                         const std::string& terminal) {
  if (token.term > election::term_after_reset_max && !read_lease(transaction, store)) {
    return LeaseHolder{{}, "", true, true};
  }
  const auto moved = transaction.exec(
      "INSERT INTO leadership AS held (store, term, process, terminal, renewed) VALUES (" +
      sql_text(store) + "," + std::to_string(token.term) + "," + sql_bytes(token.process.view()) +
      "," + sql_text(terminal) +
      ", clock_timestamp()) ON CONFLICT (store) DO UPDATE SET term = excluded.term, "
      "process = excluded.process, terminal = excluded.terminal, renewed = excluded.renewed "
      "WHERE (held.term, held.process) <= (excluded.term, excluded.process) AND "
      "excluded.term - held.term <= " +
      std::to_string(election::term_jump_max) + " RETURNING 1");
  if (!moved.empty()) return std::nullopt;
  auto holder = read_lease(transaction, store);
  if (holder) holder->was_jump = token > holder->token;
  return holder;
}

bool renew_lease(pqxx::transaction_base& transaction, const std::string& store,
                 const election::Token& token) {
  const auto renewed = transaction.exec("UPDATE leadership SET renewed = clock_timestamp()" +
                                        is_row_of(store, token));
  return renewed.affected_rows() == 1;
}

bool holds_lease(pqxx::transaction_base& transaction, const std::string& store,
                 const election::Token& token) {
  return !transaction.exec("SELECT 1 FROM leadership" + is_row_of(store, token) + " FOR SHARE")
              .empty();
}

void release_lease(pqxx::transaction_base& transaction, const std::string& store,
                   const election::Token& token) {
  transaction.exec("UPDATE leadership SET renewed = '-infinity'" + is_row_of(store, token));
}

void reset_lease(pqxx::transaction_base& transaction, const std::string& store) {
  transaction.exec("DELETE FROM leadership WHERE store = " + sql_text(store));
}

void release_silent_lease(pqxx::transaction_base& transaction, const std::string& store,
                          const election::Token& token, int silent_ms) {
  transaction.exec("UPDATE leadership SET renewed = '-infinity'" + is_row_of(store, token) +
                   " AND renewed < clock_timestamp() - interval '" + std::to_string(silent_ms) +
                   " ms'");
}

std::optional<LeaseHolder> read_lease(pqxx::transaction_base& transaction,
                                      const std::string& store) {
  const auto rows = transaction.exec(
      "SELECT term, process, terminal, renewed < clock_timestamp() - interval '" +
      std::to_string(lease_s) + " s' FROM leadership WHERE store = " + sql_text(store));
  if (rows.empty()) return std::nullopt;
  LeaseHolder holder;
  holder.token.term = rows[0][0].as<std::uint64_t>();
  holder.token.process = id_from<ProcessId>(rows[0][1]);
  holder.terminal = rows[0][2].as<std::string>();
  holder.gone = rows[0][3].as<bool>();
  return holder;
}

}  // namespace titan::uplink
