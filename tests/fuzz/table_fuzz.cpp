// Any bytes are a table whose cells read back as they are when they are written again, or refused with an Error; and
// likewise an array of NumPy's, and a task pack.
#include "maml/base/error.h"
#include "maml/images/read_npz.h"
#include "maml/io/safetensors.h"
#include "maml/io/table.h"
#include "maml/io/task_pack.h"

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

namespace {

void read_as_table(const std::string& text, char separator) {
  const maml::TextTable table = maml::parse_table(text, "input", separator);
  const std::size_t columns = table.names().size();
  std::string written;
  for (std::size_t i = 0; i < columns; ++i)
    written += (i == 0 ? "" : std::string(1, separator)) + maml::csv_cell(table.names()[i], separator);
  for (std::size_t row = 0; row < table.rows(); ++row)
    for (std::size_t i = 0; i < columns; ++i)
      written += std::string(1, i == 0 ? '\n' : separator) + maml::csv_cell(table.cell(row, i), separator);
  if (columns == 1) return;  // an empty cell would be an empty line, which is passed over
  const maml::TextTable again = maml::parse_table(written, "written", separator);
  if (again.names() != table.names() || again.rows() != table.rows()) std::abort();
  for (std::size_t row = 0; row < table.rows(); ++row)
    for (std::size_t i = 0; i < columns; ++i) {
      if (again.cell(row, i) != table.cell(row, i)) std::abort();
      try {
        (void)table.number(row, i);
      } catch (const maml::Error&) {
      }
    }
}

void read_as_array(std::span<const std::byte> bytes) {
  const maml::NumpyArray array = maml::NumpyArray::parse(bytes, "input");
  try {
    if (array.numbers().size() != array.size()) std::abort();
  } catch (const maml::Error&) {
    if (array.texts().size() != array.size()) std::abort();
  }
}

/// The bytes themselves, and sealed anew.
void read_as_pack(std::span<const std::byte> bytes) {
  const auto sealed = maml::format_checked(maml::parse_safetensors(bytes, "input"), "input");
  const maml::TaskPack pack = maml::parse_task_pack(sealed, "input");
  if (!(maml::parse_task_pack(maml::format_task_pack(pack, "again"), "again") == pack)) std::abort();
}

template <class Read> void refused_or(const Read& read) {
  try {
    read();
  } catch (const maml::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const std::string text(reinterpret_cast<const char*>(data), size);
  refused_or([&] { read_as_table(text, ','); });
  refused_or([&] { read_as_table(text, '\t'); });
  refused_or([&] { read_as_array(bytes); });
  refused_or([&] { read_as_pack(bytes); });
  return 0;
}
