module dspbench/goplugin

go 1.19
