// Reads the rows out of a damaged SQLite file, page by page, without trusting its trees.
//
// Every page that looks like the leaf of a table is read, in the form it has after the last commit
// in the write-ahead log, if there is one; its cells are put together from the page and its
// overflow pages. Nothing is believed: sizes, offsets and page numbers are checked, and what does
// not fit is skipped. Rows of deleted or overwritten pages may turn up too, so callers check what
// they get. Format: https://sqlite.org/fileformat2.html, sections 1.6, 2.1, 4.1 to 4.4.
//
// One thread. The files are only read.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace titan::mesh {

// A row's value: NULL and floating point come as monostate.
using ScannedValue = std::variant<std::monostate, std::int64_t, Bytes>;
using ScannedRow = std::vector<ScannedValue>;

class PageScan {
 public:
  // `path` with its "-wal" beside it, if there is one.
  static Result<std::unique_ptr<PageScan>> open(const std::string& path);
  ~PageScan();

  // Calls `take` for each row of at most `row_bytes_max` bytes that can be read.
  void each_row(std::size_t row_bytes_max, const std::function<void(const ScannedRow&)>& take);

  std::uint32_t page_count() const { return page_count_; }
  std::uint64_t unreadable_cells() const { return unreadable_cells_; }

 private:
  PageScan() = default;
  void read_log();
  Bytes page(std::uint32_t number);
  bool payload(const Bytes& page, std::size_t cell, std::size_t row_bytes_max, Bytes& payload);
  bool overflow(std::uint32_t number, std::size_t missing, Bytes& payload);

  int file_ = -1;
  int log_ = -1;
  std::size_t page_size_ = 4096;
  std::uint32_t page_count_ = 0;
  std::map<std::uint32_t, std::uint64_t> newest_in_log_;  // page -> offset of its bytes in the log
  std::uint64_t unreadable_cells_ = 0;
};

}  // namespace titan::mesh
