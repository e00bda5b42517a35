#include "pos-node/terminal/terminal_move_ins.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>

#include "pos-node/domain/returned_lines.h"
#include "pos-node/terminal/stored_entries.h"

namespace titan::pos {
namespace {

std::string listed(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

Error file_error(const std::string& what, const std::string& path) {
  return make_error(ErrorCode::io, what + " " + path + " failed: " + std::strerror(errno) +
                                       ". Check the disk and the rights of the data folder.");
}

// "till-3 000123-K7QF", the four characters behind it as a person likes.
struct PrintedReceipt {
  std::string terminal;
  std::uint64_t number = 0;
  std::string check;
};
std::optional<PrintedReceipt> parse_receipt(const std::string& text) {
  const std::size_t blank = text.rfind(' ');
  if (blank == std::string::npos) return std::nullopt;
  PrintedReceipt receipt{text.substr(0, blank), 0, {}};
  std::string_view rest = std::string_view(text).substr(blank + 1);
  if (const std::size_t dash = rest.find('-'); dash != std::string_view::npos) {
    receipt.check = rest.substr(dash + 1);
    rest = rest.substr(0, dash);
  }
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), receipt.number);
  if (error != std::errc{} || end != rest.data() + rest.size() || rest.empty()) return std::nullopt;
  return receipt;
}

}  // namespace

Result<std::vector<EntryPointer>> TerminalMoveIns::claiming(const Hash& claim) {
  const auto stored = reader_.entries_with_claim(claim);
  if (!stored) return stored.error();
  return decode_all(*stored, mesh_.codec());
}

Result<bool> TerminalMoveIns::is_withdrawn(const MoveInId& move_in) {
  const auto withdrawals = count(move_in, mesh::Kind::history_withdrawn);
  if (!withdrawals) return withdrawals.error();
  return *withdrawals > 0;
}

Result<std::uint64_t> TerminalMoveIns::count(const MoveInId& move_in, mesh::Kind kind) {
  return reader_.count_of_move_in(move_in, kind);
}

Result<MoveInPage> TerminalMoveIns::page(const MoveInId& move_in, mesh::Kind kind,
                                         std::int64_t after, std::size_t limit) {
  const auto stored = reader_.entries_of_move_in(move_in, kind, after, limit);
  if (!stored) return stored.error();
  auto entries = decode_all(*stored, mesh_.codec());
  if (!entries) return entries.error();
  return MoveInPage{std::move(*entries), stored->size() < limit ? 0 : stored->back().position};
}

Result<std::vector<EntryPointer>> TerminalMoveIns::printed_as(const std::string& receipt) {
  const auto former = reader_.find_by_former_receipt(receipt);
  if (!former) return former.error();
  auto found = decode_all(*former, mesh_.codec());
  const auto own = parse_receipt(receipt);
  if (!found || !own) return found;
  const auto stored = reader_.find_by_receipt(own->terminal, own->number);
  if (!stored) return stored.error();
  for (const mesh::StoredEntry& each : *stored) {
    if (!own->check.empty() && mesh::receipt_check(each.id.journal) != own->check) continue;
    auto entry = decode(each, mesh_.codec());
    if (!entry) return entry.error();
    found->push_back(std::move(*entry));
  }
  return found;
}

Result<TerminalMoveIns::Beginnings> TerminalMoveIns::beginnings(const MoveInId& move_in) {
  const auto firsts = reader_.firsts_of_move_in(move_in);
  if (!firsts) return firsts.error();
  Beginnings began;
  for (const mesh::StoredEntry& stored : *firsts) {
    const auto entry = decode(stored, mesh_.codec());
    if (!entry) return entry.error();
    const mesh::Envelope& envelope = (*entry)->envelope;
    const auto [known, is_new] = began.try_emplace(envelope.device, envelope.logical_clock);
    if (!is_new) known->second = std::min(known->second, envelope.logical_clock);
  }
  return began;
}

// What products were before is known where the file was moved in, so it is undone there; a terminal
// that is gone for good cannot do it any more.
Result<std::optional<std::string>> TerminalMoveIns::moved_in_elsewhere(const MoveInId& move_in,
                                                                       const Beginnings& began) {
  using Reason = std::optional<std::string>;
  const auto kept = note(move_in);
  if (!kept) return kept.error();
  if (*kept || began.contains(mesh_.node().device())) return Reason{};
  std::vector<std::string> terminals;
  for (const mesh::MemberView& member : mesh_.node().members()) {
    const bool is_here =
        member.state == mesh::MemberState::alive || member.state == mesh::MemberState::suspect;
    if (is_here && began.contains(member.member.device())) {
      terminals.push_back(member.member.terminal);
    }
  }
  if (terminals.empty()) return Reason{};
  return Reason("The file was moved in at " + listed(terminals) +
                ", not at this terminal. Undo it there.");
}

// By the logical clock, which ascends over all journals of a device. A terminal with a note alone
// found everything moved in before: for it the first of the others counts.
Result<std::optional<std::string>> TerminalMoveIns::sold_since(const Beginnings& began) {
  using Reason = std::optional<std::string>;
  if (began.empty()) return Reason{};
  const DeviceId& self = mesh_.node().device();
  Beginnings since = began;
  const auto earliest = std::min_element(
      began.begin(), began.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  since.try_emplace(self, earliest->second);
  for (const auto& [device, clock] : since) {
    const auto newest = reader_.newest_sales_of(device);
    if (!newest) return newest.error();
    for (const mesh::StoredEntry& stored : *newest) {
      const auto sale = decode(stored, mesh_.codec());
      if (!sale) return sale.error();
      if ((*sale)->envelope.logical_clock < clock) continue;
      return Reason(name_of(**sale) + " was recorded at " +
                    (device == self ? "this till" : "another till of the move-in") +
                    " since the file was moved in; from the first new sale on a move-in stays. "
                    "Correct single figures instead: products by a list, stock by adjustments.");
    }
  }
  return Reason{};
}

Result<std::optional<std::string>> TerminalMoveIns::why_not_undone(const MoveInId& move_in) {
  using Reason = std::optional<std::string>;
  const auto began = beginnings(move_in);
  if (!began) return began.error();
  auto elsewhere = moved_in_elsewhere(move_in, *began);
  if (!elsewhere || *elsewhere) return elsewhere;
  auto sold = sold_since(*began);
  if (!sold || *sold) return sold;
  const auto refund = reader_.refund_of_move_in(move_in);
  if (!refund) return refund.error();
  if (*refund) {
    const auto entry = decode(**refund, mesh_.codec());
    if (!entry) return entry.error();
    return Reason("A sale of it was refunded by " + name_of(**entry) + "; the move-in stays.");
  }
  return why_not_certain();
}

Result<std::optional<std::string>> TerminalMoveIns::why_not_certain() {
  using Reason = std::optional<std::string>;
  if (const auto missing = missing_(); !missing.empty()) {
    return Reason("These terminals of the store are not here: " + listed(missing) +
                  ". Switch them on and try again; until then nobody can tell which opening stock "
                  "counts.");
  }
  const auto behind = mesh_.node().terminals_behind();
  if (!behind.empty() || mesh_.node().is_catching_up()) {
    // Passes by itself, so it is no refusal.
    return make_error(ErrorCode::unavailable,
                      "The terminals do not hold the same records yet" +
                          (behind.empty() ? std::string() : " (" + listed(behind) + ")") +
                          "; wait a moment and try again.");
  }
  return Reason{};
}

// ---- notes -------------------------------------------------------------------------------------

Result<std::optional<Bytes>> TerminalMoveIns::note(const MoveInId& move_in) {
  const std::string path = note_path(move_in);
  std::ifstream stream(path, std::ios::binary);
  if (!stream.is_open()) {
    if (errno == ENOENT) return std::optional<Bytes>{};
    return file_error("Reading", path);
  }
  Bytes content((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  if (stream.bad()) return file_error("Reading", path);
  return std::optional<Bytes>(std::move(content));
}

// Whole or not at all, whatever happens meanwhile: written beside, synchronised, renamed.
Status TerminalMoveIns::keep_note(const MoveInId& move_in, BytesView note) {
  if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) {
    return file_error("Making the folder", folder_);
  }
  const std::string path = note_path(move_in);
  const std::string beside = path + ".new";
  const int file = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return file_error("Writing", beside);
  bool written = true;
  while (!note.empty() && written) {
    const ssize_t bytes = ::write(file, note.data(), note.size());
    written = bytes > 0;
    if (written) note.remove_prefix(static_cast<std::size_t>(bytes));
  }
  written = written && ::fsync(file) == 0;
  Status done;
  if (!written) done = file_error("Writing", beside);
  ::close(file);
  if (!done) return done;
  if (::rename(beside.c_str(), path.c_str()) != 0) return file_error("Writing", path);
  const int folder = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return file_error("Opening", folder_);
  if (::fsync(folder) != 0) done = file_error("Writing", folder_);
  ::close(folder);
  return done;
}

Status TerminalMoveIns::drop_note(const MoveInId& move_in) {
  const std::string path = note_path(move_in);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return file_error("Removing", path);
  return {};
}

}  // namespace titan::pos
