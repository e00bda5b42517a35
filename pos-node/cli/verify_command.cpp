// `titan-pos journal verify`: fetches all journals and checks every entry.
#include <sodium.h>

#include "pos-node/cli/commands.h"
#include "pos-node/cli/journal_check.h"
#include "pos-node/json/json_writer.h"

namespace titan::pos {
namespace {

Bytes from_base64(std::string_view text) {
  Bytes bytes(text.size(), '\0');
  std::size_t size = 0;
  const int failed =
      sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), nullptr, &size, nullptr, sodium_base64_VARIANT_ORIGINAL);
  bytes.resize(failed == 0 ? size : 0);
  return bytes;
}

Hash tenant_store_of(const json::value& status) {
  Bytes name = text_at(status, "tenant");
  name += '\0';
  name += text_at(status, "store");
  return blake2b(name);
}

struct CheckedJournal {
  std::string journal;
  bool own = false;
  JournalVerdict verdict;
};

void write_json(Console& console, const std::vector<CheckedJournal>& journals, bool good) {
  JsonWriter writer(4096);
  writer.begin_object().member("good", good).key("journals").begin_array();
  for (const CheckedJournal& each : journals) {
    const JournalVerdict& verdict = each.verdict;
    writer.begin_object()
        .member("journal", each.journal)
        .member("terminal", verdict.terminal)
        .member("own", each.own)
        .member("entries", verdict.entries)
        .member("missing", verdict.missing)
        .member("receipts", verdict.receipts)
        .member("first_receipt", verdict.first_receipt)
        .member("last_receipt", verdict.last_receipt)
        .member("signatures_checked", verdict.signatures_checked)
        .member("good", verdict.is_good())
        .key("faults")
        .begin_array();
    for (const std::string& fault : verdict.faults) writer.value(fault);
    writer.end_array().end_object();
  }
  writer.end_array().end_object();
  console.line(writer.text());
}

void print(Console& console, const std::vector<CheckedJournal>& journals, bool good) {
  Table table({"terminal", "journal", "entries", "receipts", "verdict"});
  std::uint64_t entries = 0;
  for (const CheckedJournal& each : journals) {
    const JournalVerdict& verdict = each.verdict;
    entries += verdict.entries;
    std::string text = verdict.is_good() ? "good" : "BAD";
    if (!verdict.signatures_checked) text += ", signatures not checked: number 1 is not here";
    if (verdict.missing > 0) text += ", " + std::to_string(verdict.missing) + " not here yet";
    const std::string receipts =
        verdict.receipts == 0
            ? "none"
            : std::to_string(verdict.first_receipt) + " to " + std::to_string(verdict.last_receipt);
    table.add({{verdict.terminal, Colour::bold},
               {each.journal.substr(0, 12) + "…"},
               {std::to_string(verdict.entries), Colour::plain, true},
               {receipts, Colour::plain, true},
               {text, !verdict.is_good()                                   ? Colour::red
                      : verdict.signatures_checked && verdict.missing == 0 ? Colour::green
                                                                           : Colour::yellow}});
  }
  table.print(console);
  for (const CheckedJournal& each : journals) {
    for (const std::string& fault : each.verdict.faults) {
      console.line(console.paint("fault ", Colour::red) + each.verdict.terminal + " " +
                   each.journal.substr(0, 12) + "…, " + fault);
    }
  }
  const std::string count =
      std::to_string(entries) + " entries in " + std::to_string(journals.size()) + " journals: ";
  console.line(good ? console.paint(count + "hashes, chains, signatures and receipts are right.",
                                    Colour::green)
                    : console.paint(count + "FAULTS FOUND.", Colour::red));
}

}  // namespace

int Commands::verify_journals() {
  const bool json = json_;
  json_ = false;  // only the verdict is the answer, not what was fetched for it
  const auto status = get("/v1/status");
  const auto list = status ? get("/v1/journal") : std::nullopt;
  if (!list) return exit_failed;
  std::map<DeviceId, PublicKey> keys;
  std::vector<CheckedJournal> checked;
  bool good = true;
  const json::value& journals = member_at(*list, "journals");
  for (const json::value& each : journals.is_array() ? journals.get_array() : json::array()) {
    const std::string name = text_at(each, "journal");
    const auto id = JournalId::from_hex_text(name);
    if (!id) continue;
    JournalCheck check(*id, tenant_store_of(*status), keys);
    std::string unreadable;
    std::string from = "1";
    while (!from.empty()) {
      const auto page = get("/v1/journal?journal=" + name + "&from=" + from + "&limit=1000");
      if (!page) {
        if (!get("/v1/status")) return exit_failed;  // it is the till that does not answer
        unreadable = "from number " + from + " on something is stored that is no entry";
        break;
      }
      const json::value& entries = member_at(*page, "entries");
      for (const json::value& entry : entries.is_array() ? entries.get_array() : json::array()) {
        check.add(from_base64(text_at(entry, "bytes_base64")), text_at(entry, "hash"));
      }
      from = text_at(*page, "next");
    }
    checked.push_back({name, text_at(each, "own") == "true", check.finish()});
    if (!unreadable.empty()) checked.back().verdict.faults.push_back(unreadable);
    good = good && checked.back().verdict.is_good();
  }
  if (json) {
    write_json(console_, checked, good);
  } else {
    print(console_, checked, good);
  }
  return good ? exit_done : exit_failed;
}

}  // namespace titan::pos
