#include "mesh/sqlite/file/page_scan.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace titan::mesh {
namespace {

constexpr std::size_t file_header_bytes = 100;  // in front of page 1
constexpr std::size_t log_header_bytes = 32;
constexpr std::size_t frame_header_bytes = 24;
constexpr unsigned char table_leaf = 0x0d;

std::uint32_t big_endian(BytesView bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return value;
}

std::uint32_t little_endian(BytesView bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return value;
}

// Answers false when the bytes end before the number does.
bool take_varint(BytesView bytes, std::size_t& at, std::uint64_t& value) {
  value = 0;
  for (int i = 0; i < 9; ++i) {
    if (at >= bytes.size()) return false;
    const auto byte = static_cast<unsigned char>(bytes[at++]);
    if (i == 8) {
      value = value << 8 | byte;
      return true;
    }
    value = value << 7 | (byte & 0x7f);
    if (byte < 0x80) return true;
  }
  return true;
}

Bytes read_at(int file, std::uint64_t offset, std::size_t size) {
  Bytes bytes(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got =
        pread(file, bytes.data() + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return {};  // an unreadable sector costs its page, not the whole file
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

bool is_page_size(std::size_t size) {
  return size >= 512 && size <= 65536 && (size & (size - 1)) == 0;
}

std::int64_t integer_of(BytesView bytes) {
  std::uint64_t value = !bytes.empty() && static_cast<signed char>(bytes[0]) < 0 ? ~0ULL : 0;
  for (char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return static_cast<std::int64_t>(value);
}

bool parse_row(BytesView payload, ScannedRow& row) {
  row.clear();
  std::size_t at = 0;
  std::uint64_t header = 0;
  if (!take_varint(payload, at, header) || header > payload.size()) return false;
  std::size_t body = header;
  static constexpr std::size_t integer_sizes[] = {0, 1, 2, 3, 4, 6, 8};
  while (at < header) {
    std::uint64_t type = 0;
    if (!take_varint(payload, at, type)) return false;
    std::uint64_t size = 0;
    if (type <= 6) {
      size = integer_sizes[type];
    } else if (type == 7) {
      size = 8;
    } else if (type >= 12) {
      size = (type - 12) / 2;
    }
    if (size > payload.size() - body) return false;
    const BytesView value = payload.substr(body, size);
    body += size;
    if (type >= 12) {
      row.emplace_back(Bytes(value));
    } else if (type >= 1 && type <= 6) {
      row.emplace_back(integer_of(value));
    } else if (type == 8 || type == 9) {
      row.emplace_back(static_cast<std::int64_t>(type - 8));
    } else {
      row.emplace_back();
    }
  }
  return true;
}

// The log's own checksum (file format, section 4.2): over 8 bytes at a time, running on.
struct LogChecksum {
  std::uint32_t first = 0;
  std::uint32_t second = 0;

  void add(BytesView bytes, bool is_big_endian) {
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      first += (is_big_endian ? big_endian(bytes, at, 4) : little_endian(bytes, at)) + second;
      second +=
          (is_big_endian ? big_endian(bytes, at + 4, 4) : little_endian(bytes, at + 4)) + first;
    }
  }
  bool is_at(BytesView bytes, std::size_t at) const {
    return first == big_endian(bytes, at, 4) && second == big_endian(bytes, at + 4, 4);
  }
};

std::uint64_t size_of(int file) {
  struct stat facts {};
  return fstat(file, &facts) == 0 ? static_cast<std::uint64_t>(facts.st_size) : 0;
}

}  // namespace

Result<std::unique_ptr<PageScan>> PageScan::open(const std::string& path) {
  std::unique_ptr<PageScan> scan(new PageScan());
  scan->file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (scan->file_ < 0) {
    return make_error(ErrorCode::io, "cannot read " + path + ": " + std::strerror(errno));
  }
  const Bytes header = read_at(scan->file_, 0, file_header_bytes);
  if (!header.empty()) {
    const std::size_t stated = big_endian(header, 16, 2);
    const std::size_t size = stated == 1 ? 65536 : stated;
    if (is_page_size(size)) scan->page_size_ = size;
  }
  scan->page_count_ = static_cast<std::uint32_t>(size_of(scan->file_) / scan->page_size_);
  scan->log_ = ::open((path + "-wal").c_str(), O_RDONLY | O_CLOEXEC);
  if (scan->log_ >= 0) scan->read_log();
  return scan;
}

PageScan::~PageScan() {
  if (file_ >= 0) ::close(file_);
  if (log_ >= 0) ::close(log_);
}

void PageScan::read_log() {
  const Bytes header = read_at(log_, 0, log_header_bytes);
  if (header.empty()) return;
  const std::uint32_t magic = big_endian(header, 0, 4);
  if ((magic & ~1U) != 0x377f0682) return;
  const bool is_big_endian = (magic & 1) != 0;
  if (big_endian(header, 8, 4) != page_size_ && is_page_size(big_endian(header, 8, 4))) {
    page_size_ = big_endian(header, 8, 4);
    page_count_ = static_cast<std::uint32_t>(size_of(file_) / page_size_);
  }
  LogChecksum checksum;
  checksum.add(BytesView(header).substr(0, 24), is_big_endian);
  if (!checksum.is_at(header, 24)) return;

  std::map<std::uint32_t, std::uint64_t> uncommitted;
  const std::size_t frame_bytes = frame_header_bytes + page_size_;
  for (std::uint64_t at = log_header_bytes;; at += frame_bytes) {
    const Bytes frame = read_at(log_, at, frame_bytes);
    if (frame.empty()) return;
    if (BytesView(frame).substr(8, 8) != BytesView(header).substr(16, 8)) return;
    checksum.add(BytesView(frame).substr(0, 8), is_big_endian);
    checksum.add(BytesView(frame).substr(frame_header_bytes), is_big_endian);
    if (!checksum.is_at(frame, 16)) return;
    uncommitted[big_endian(frame, 0, 4)] = at + frame_header_bytes;
    const std::uint32_t pages_after_commit = big_endian(frame, 4, 4);
    if (pages_after_commit == 0) continue;
    for (const auto& [number, offset] : uncommitted) newest_in_log_[number] = offset;
    uncommitted.clear();
    page_count_ = std::max(page_count_, pages_after_commit);
  }
}

Bytes PageScan::page(std::uint32_t number) {
  if (number == 0 || number > page_count_) return {};
  const auto in_log = newest_in_log_.find(number);
  if (in_log != newest_in_log_.end()) return read_at(log_, in_log->second, page_size_);
  return read_at(file_, static_cast<std::uint64_t>(number - 1) * page_size_, page_size_);
}

void PageScan::each_row(std::size_t row_bytes_max,
                        const std::function<void(const ScannedRow&)>& take) {
  ScannedRow row;
  Bytes bytes;
  for (std::uint32_t number = 1; number <= page_count_; ++number) {
    const Bytes leaf = page(number);
    if (leaf.empty()) continue;
    const std::size_t start = number == 1 ? file_header_bytes : 0;
    if (static_cast<unsigned char>(leaf[start]) != table_leaf) continue;
    const std::size_t cells = big_endian(leaf, start + 3, 2);
    for (std::size_t i = 0; i < cells; ++i) {
      const std::size_t pointer = start + 8 + 2 * i;
      if (pointer + 2 > leaf.size()) break;
      if (payload(leaf, big_endian(leaf, pointer, 2), row_bytes_max, bytes) &&
          parse_row(bytes, row)) {
        take(row);
      } else {
        ++unreadable_cells_;
      }
    }
  }
}

// Section 2.3.1 "B-tree cell format" of the file format says how much of a row lies on its page.
bool PageScan::payload(const Bytes& leaf, std::size_t cell, std::size_t row_bytes_max,
                       Bytes& bytes) {
  std::uint64_t size = 0;
  std::uint64_t row_id = 0;
  if (!take_varint(leaf, cell, size) || !take_varint(leaf, cell, row_id)) return false;
  if (size > row_bytes_max) return false;
  const std::size_t usable = page_size_;
  const std::size_t local_max = usable - 35;
  std::size_t local = size;
  if (size > local_max) {
    const std::size_t local_min = (usable - 12) * 32 / 255 - 23;
    const std::size_t fitting = local_min + (size - local_min) % (usable - 4);
    local = fitting <= local_max ? fitting : local_min;
  }
  if (cell + local > leaf.size()) return false;
  bytes.assign(leaf, cell, local);
  if (local == size) return true;
  if (cell + local + 4 > leaf.size()) return false;
  return overflow(big_endian(leaf, cell + local, 4), size - local, bytes);
}

bool PageScan::overflow(std::uint32_t number, std::size_t missing, Bytes& bytes) {
  while (missing > 0) {  // ends: every round takes at least one byte of what is missing
    const Bytes next = page(number);
    if (next.empty()) return false;
    const std::size_t taken = std::min(missing, page_size_ - 4);
    bytes.append(next, 4, taken);
    missing -= taken;
    number = big_endian(next, 0, 4);
  }
  return true;
}

}  // namespace titan::mesh
