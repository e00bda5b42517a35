# Writes OUTPUT, a C++ source with each file of PARTS as a constant: page/page.css -> page_css.
set(source "#include \"simulations/report/page_parts.h\"\n\nnamespace titan::simulations {\n")
foreach(part IN LISTS PARTS)
  get_filename_component(name ${part} NAME)
  string(REPLACE "." "_" name ${name})
  file(READ ${part} text)
  # A literal may have 64 kB at most; the parts are far below it.
  string(APPEND source "const char* const ${name} = R\"~~part~~(${text})~~part~~\";\n")
endforeach()
string(APPEND source "}  // namespace titan::simulations\n")
file(WRITE ${OUTPUT} "${source}")
